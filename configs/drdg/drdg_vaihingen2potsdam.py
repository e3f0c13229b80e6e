# DRDG the other way, Vaihingen IRRG -> Potsdam IRRG; not in the paper.
# Translate to --out data/vaihingen2potsdam.
_base_ = [
    '../_base_/models/drdg.py',
    '../_base_/datasets/vaihingen2potsdam-pairs-512x512-896x896.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
model = dict(target_size=(896, 896))
# Every five epochs. Nothing is validated: the last iteration counts.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
