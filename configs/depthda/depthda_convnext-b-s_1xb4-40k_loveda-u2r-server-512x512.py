# DepthDA, ConvNeXt-B + S: LoveDA Urban -> Rural, server protocol.
# The paper of DepthDA has 48.98 mIoU, scored by the challenge server.
# Train the model with
#   python tools/train.py configs/depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-server-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depthda_convnext-b-s.py',
    '../_base_/datasets/loveda-u2r-server-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
