# ResiDualGAN: DRDG without its depth losses, and so without depth decoders (Table II).
_base_ = [
    '../_base_/models/rdg.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. Nothing is validated: the last iteration counts.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
