# Depth-guided framework, ConvNeXt-B + S: LoveDA Urban -> Rural, server protocol.
# Train the model with
#   python tools/train.py \
#     configs/depth_guided/depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-server-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depth_guided_convnext-b-s.py',
    '../_base_/datasets/loveda-u2r-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
