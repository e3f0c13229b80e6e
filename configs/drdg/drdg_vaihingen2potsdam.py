# DRDG, Vaihingen IRRG -> Potsdam IRRG, a direction that is not in the paper. Train and translate as
# in drdg_potsdam2vaihingen.py, with --out data/vaihingen2potsdam.
_base_ = [
    '../_base_/models/drdg.py',
    '../_base_/datasets/vaihingen2potsdam-pairs-512x512-896x896.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
model = dict(target_size=(896, 896))
# Every five epochs. There is no validation: the last checkpoint is the result.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
