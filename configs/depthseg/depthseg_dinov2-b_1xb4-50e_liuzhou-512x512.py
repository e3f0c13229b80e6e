# DepthSeg with DINOv2-B on LiuZhou.
_base_ = [
    '../_base_/models/depthseg_dinov2-b.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/adamw-depthseg_50e-batch-4.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=4)
