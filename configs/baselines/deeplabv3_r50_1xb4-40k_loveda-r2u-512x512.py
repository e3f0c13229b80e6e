# DeepLabV3 with ResNet-50, RGB only: LoveDA Rural -> Urban, local protocol.
# The paper of DepthDA has 35.44 mIoU, scored by the challenge server: not comparable with scores of
# the local protocol.
# Train the model with
#   python tools/train.py configs/baselines/deeplabv3_r50_1xb4-40k_loveda-r2u-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/deeplabv3_r50.py',
    '../_base_/datasets/loveda-r2u-512x512.py',
    '../_base_/schedules/sgd_40k.py',
    '../_base_/default_runtime.py',
]
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
