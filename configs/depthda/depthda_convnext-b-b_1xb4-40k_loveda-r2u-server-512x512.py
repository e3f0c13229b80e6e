# DepthDA ConvNeXt-B+B, LoveDA Rural -> Urban, server protocol.
_base_ = [
    '../_base_/models/depthda_convnext-b-b.py',
    '../_base_/datasets/loveda-r2u-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
