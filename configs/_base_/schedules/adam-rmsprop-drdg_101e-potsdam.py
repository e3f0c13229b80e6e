# DRDG's recipe: 101 epochs, each with as many pairs as Potsdam has tiles of 896² (38 areas × 49).
_base_ = './adam-rmsprop-drdg.py'
train_cfg = dict(type='IterBasedTrainLoop', max_iters=188062)
custom_hooks = [
    # Halves the learning rates when the generators' mean loss has not improved for 25 epochs.
    dict(type='PlateauHook', monitor='loss', factor=0.5, patience=25),
    # Draws translations in both directions, and stops training if they collapse to one colour.
    dict(type='TranslationHook', interval=2000),
]
