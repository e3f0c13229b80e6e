# DRDG, Potsdam IRRG -> Vaihingen IRRG: learn to translate Potsdam into the looks of Vaihingen.
# Then: python tools/translate.py configs/drdg/drdg_potsdam2vaihingen.py \
#           work_dirs/drdg_potsdam2vaihingen --out data/potsdam2vaihingen
# and train deeplabv3_r34_potsdam2vaihingen-512x512.py on what it wrote.
_base_ = [
    '../_base_/models/drdg.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. Nothing is validated: the last iteration counts.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
