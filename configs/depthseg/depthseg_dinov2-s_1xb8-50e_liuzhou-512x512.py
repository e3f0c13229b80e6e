# DepthSeg with DINOv2-S: LiuZhou (the dataset is not public).
# The paper reports 68.99 mIoU.
# Train the model with
#   python tools/train.py configs/depthseg/depthseg_dinov2-s_1xb8-50e_liuzhou-512x512.py
_base_ = [
    '../_base_/models/depthseg_dinov2-s.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/adamw-depthseg_50e-batch-8.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=8)
