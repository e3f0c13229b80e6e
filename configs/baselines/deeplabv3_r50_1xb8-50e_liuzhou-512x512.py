# DeepLabV3 with ResNet-50, RGB only: LiuZhou (the dataset is not public).
# The DepthSeg paper reports 42.97 mIoU and names neither backbone nor recipe.
# Train the model with
#   python tools/train.py configs/baselines/deeplabv3_r50_1xb8-50e_liuzhou-512x512.py
_base_ = [
    '../_base_/models/deeplabv3_r50.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/sgd_50e-batch-8.py',
    '../_base_/default_runtime.py',
]
# This model reads no depth, so no depth maps need to exist.
rgb = [dict(type='LoadDepth') if s.type == 'LoadDepth' else s for s in _base_.train_pipeline]
train_dataloader = dict(batch_size=8, dataset=dict(depth=None, pipeline=rgb))
