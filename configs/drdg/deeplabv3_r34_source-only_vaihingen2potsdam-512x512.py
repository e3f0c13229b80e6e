# DeepLabV3 with ResNet-34 on Vaihingen as it is, tested on Potsdam.
# Train the model with
#   python tools/train.py configs/drdg/deeplabv3_r34_source-only_vaihingen2potsdam-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/deeplabv3_r34.py',
    '../_base_/datasets/vaihingen2potsdam-512x512.py',
    '../_base_/schedules/adam-deeplabv3-isprs_101e.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=291))
