# DRDG's recipe: 101 epochs of as many pairs as Potsdam has tiles of 896² (49 of each of 38 areas).
_base_ = './adam-rmsprop-drdg.py'
train_cfg = dict(type='IterBasedTrainLoop', max_iters=188062)
custom_hooks = [
    # Halves the rates when the mean loss of the generators has had no new low for 25 epochs.
    dict(type='PlateauHook', monitor='loss', factor=0.5, patience=25),
    # Draws pictures of both directions, and stops a training that has collapsed.
    dict(type='TranslationHook', interval=2000),
]
