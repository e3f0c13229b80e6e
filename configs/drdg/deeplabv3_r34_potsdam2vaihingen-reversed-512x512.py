# DeepLabV3 with ResNet-34 on Potsdam in the style of Vaihingen, with the parts of Vaihingen
# exchanged: selected on 25 areas, tested on 8.
# Translate the training images first: README.md.
# Train the model with
#   python tools/train.py configs/drdg/deeplabv3_r34_potsdam2vaihingen-reversed-512x512.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/deeplabv3_r34.py',
    '../_base_/datasets/potsdam2vaihingen-translated-reversed-512x512.py',
    '../_base_/schedules/adam-deeplabv3-isprs_101e.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=291))
