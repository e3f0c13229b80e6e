# Depth-guided framework, ConvNeXt-B + S: LoveDA Rural -> Urban, local protocol.
# Train the model with
#   python tools/train.py \
#     configs/depth_guided/depth_guided_convnext-b-s_1xb4-40k_loveda-r2u-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depth_guided_convnext-b-s.py',
    '../_base_/datasets/loveda-r2u-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
