# CycleGAN's recipe: 100 epochs at one rate, then 100 in which it falls linearly to 0. An epoch has
# as many pairs as Potsdam has tiles of 896² (38 areas × 49).
_base_ = './adam-cyclegan.py'
train_cfg = dict(type='IterBasedTrainLoop', max_iters=372400)
param_scheduler = [
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=186200, end=372400),
]
# Draws translations in both directions, and stops training if they collapse to one colour.
custom_hooks = [dict(type='TranslationHook', interval=2000)]
