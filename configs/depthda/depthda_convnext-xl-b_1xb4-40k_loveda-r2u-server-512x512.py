# DepthDA, ConvNeXt-XL + B: LoveDA Rural -> Urban, server protocol.
# The paper of DepthDA has 47.68 mIoU, scored by the challenge server.
# Train the model with
#   python tools/train.py \
#     configs/depthda/depthda_convnext-xl-b_1xb4-40k_loveda-r2u-server-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depthda_convnext-xl-b.py',
    '../_base_/datasets/loveda-r2u-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
