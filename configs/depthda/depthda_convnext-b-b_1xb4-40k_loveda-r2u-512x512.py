# DepthDA ConvNeXt-B+B, LoveDA Rural -> Urban, local protocol.
_base_ = [
    '../_base_/models/depthda_convnext-b-b.py',
    '../_base_/datasets/loveda-r2u-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
