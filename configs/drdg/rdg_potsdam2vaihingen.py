# ResiDualGAN, Potsdam IRRG -> Vaihingen IRRG: DRDG without its depth losses and depth decoders. The
# paper (Table II) reports 51.75 mIoU for a segmentation trained on its translations.
# Train the model with
#   python tools/train.py configs/drdg/rdg_potsdam2vaihingen.py --amp
_base_ = [
    '../_base_/models/rdg.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. There is no validation: the last checkpoint is the result.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
