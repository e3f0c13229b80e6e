# DeepLabV3 on Vaihingen in the looks of Potsdam (tools/translate.py), tested on Potsdam.
_base_ = [
    '../_base_/models/deeplabv3_r34.py',
    '../_base_/datasets/vaihingen2potsdam-translated-512x512.py',
    '../_base_/schedules/adam-deeplabv3-isprs_101e.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=291))
