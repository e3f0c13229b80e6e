# Relative-depth-guided framework, ConvNeXt-XL+B, LoveDA Urban -> Rural, server protocol.
_base_ = [
    '../_base_/models/depth_guided_convnext-xl-b.py',
    '../_base_/datasets/loveda-u2r-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
