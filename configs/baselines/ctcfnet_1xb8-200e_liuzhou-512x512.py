# CTCFNet, RGB only: LiuZhou (the dataset is not public).
# The DepthSeg paper reports 58.19 mIoU, with the authors' code and the recipe of their paper.
# Train the model with
#   python tools/train.py configs/baselines/ctcfnet_1xb8-200e_liuzhou-512x512.py
_base_ = [
    '../_base_/models/ctcfnet.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/adam-ctcfnet_200e-batch-8.py',
    '../_base_/default_runtime.py',
]
# This model reads no depth, so no depth maps need to exist.
rgb = [dict(type='LoadDepth') if s.type == 'LoadDepth' else s for s in _base_.train_pipeline]
train_dataloader = dict(batch_size=8, dataset=dict(depth=None, pipeline=rgb))
