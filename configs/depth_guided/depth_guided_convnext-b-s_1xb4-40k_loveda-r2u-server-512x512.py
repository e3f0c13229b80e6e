# Relative-depth-guided framework, ConvNeXt-B+S, LoveDA Rural -> Urban, server protocol.
_base_ = [
    '../_base_/models/depth_guided_convnext-b-s.py',
    '../_base_/datasets/loveda-r2u-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
