# DeepLabV3+ with ResNet-34 trained on Potsdam translated to Vaihingen, tested on Vaihingen. First
# translate the training images (README.md).
_base_ = [
    '../_base_/models/deeplabv3plus_r34.py',
    '../_base_/datasets/potsdam2vaihingen-translated-512x512.py',
    '../_base_/schedules/adam-deeplabv3-isprs_101e.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=291))  # every 5 epochs
