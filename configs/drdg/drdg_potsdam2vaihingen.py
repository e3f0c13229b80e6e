# DRDG, Potsdam IRRG -> Vaihingen IRRG: a translation of Potsdam to the style of Vaihingen.
# The paper reports 53.26 mIoU for a segmentation trained on the translated images.
# Train the translation, translate Potsdam with it, and train the segmentation on the result:
#   python tools/train.py configs/drdg/drdg_potsdam2vaihingen.py --amp
#   python tools/translate.py configs/drdg/drdg_potsdam2vaihingen.py \
#       work_dirs/drdg_potsdam2vaihingen --out data/potsdam2vaihingen
#   python tools/train.py configs/drdg/deeplabv3_r34_potsdam2vaihingen-512x512.py
_base_ = [
    '../_base_/models/drdg.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. There is no validation: the last checkpoint is the result.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
