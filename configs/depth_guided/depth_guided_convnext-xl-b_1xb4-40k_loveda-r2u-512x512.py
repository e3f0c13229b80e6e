# Relative-depth-guided framework, ConvNeXt-XL+B, LoveDA Rural -> Urban, local protocol.
_base_ = [
    '../_base_/models/depth_guided_convnext-xl-b.py',
    '../_base_/datasets/loveda-r2u-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
