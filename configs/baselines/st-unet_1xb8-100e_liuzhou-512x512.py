# ST-UNet, RGB only: LiuZhou (the dataset is not public).
# The DepthSeg paper reports 50.57 mIoU, with the authors' code and the recipe of their paper.
# Train the model with
#   python tools/train.py configs/baselines/st-unet_1xb8-100e_liuzhou-512x512.py
_base_ = [
    '../_base_/models/st-unet.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/sgd-st-unet_100e-batch-8.py',
    '../_base_/default_runtime.py',
]
# This model reads no depth, so no depth maps need to exist.
rgb = [dict(type='LoadDepth') if s.type == 'LoadDepth' else s for s in _base_.train_pipeline]
train_dataloader = dict(batch_size=8, dataset=dict(depth=None, pipeline=rgb))
