# DepthSeg with DINOv2-L on LiuZhou.
_base_ = [
    '../_base_/models/depthseg_dinov2-l.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/adamw-depthseg_50e-batch-2.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=2)
