# ConvNeXt-B + UPerNet, RGB only: LoveDA Urban -> Rural, server protocol.
# The paper of DepthDA has 47.13 mIoU, scored by the challenge server.
# Train the model with
#   python tools/train.py configs/baselines/convnext-b_upernet_1xb4-40k_loveda-u2r-server-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/upernet_convnext-b.py',
    '../_base_/datasets/loveda-u2r-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
