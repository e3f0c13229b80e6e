# Relative-depth-guided framework, ConvNeXt-B+S, LoveDA's segmentation challenge (both domains).
_base_ = [
    '../_base_/models/depth_guided_convnext-b-s.py',
    '../_base_/datasets/loveda-seg-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
