# CycleGAN, Potsdam IRRG -> Vaihingen IRRG: the translation of Benjdira et al. The paper of DRDG
# (Table I) reports 38.45 mIoU for a segmentation trained on its translations.
# Train the model with
#   python tools/train.py configs/drdg/cyclegan_resnet9_potsdam2vaihingen.py --amp
_base_ = [
    '../_base_/models/cyclegan_resnet9.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-cyclegan_200e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. There is no validation: the last checkpoint is the result.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
