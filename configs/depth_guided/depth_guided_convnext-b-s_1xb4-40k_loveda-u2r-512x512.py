# Relative-depth-guided framework, ConvNeXt-B+S, LoveDA Urban -> Rural, local protocol.
_base_ = [
    '../_base_/models/depth_guided_convnext-b-s.py',
    '../_base_/datasets/loveda-u2r-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
