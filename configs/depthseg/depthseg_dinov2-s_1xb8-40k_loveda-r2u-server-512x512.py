# DepthSeg with DINOv2-S: LoveDA Rural -> Urban, server protocol.
# Train the model with
#   python tools/train.py configs/depthseg/depthseg_dinov2-s_1xb8-40k_loveda-r2u-server-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depthseg_dinov2-s.py',
    '../_base_/datasets/loveda-r2u-server-512x512.py',
    '../_base_/schedules/adamw-depthseg_40k.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=8)
# Depth is learned in training; a test needs no map.
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
