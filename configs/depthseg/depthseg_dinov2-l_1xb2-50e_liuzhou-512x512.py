# DepthSeg with DINOv2-L: LiuZhou (the dataset is not public).
# The paper reports 70.52 mIoU.
# Train the model with
#   python tools/train.py configs/depthseg/depthseg_dinov2-l_1xb2-50e_liuzhou-512x512.py
_base_ = [
    '../_base_/models/depthseg_dinov2-l.py',
    '../_base_/datasets/liuzhou-512x512.py',
    '../_base_/schedules/adamw-depthseg_50e-batch-2.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=2)
