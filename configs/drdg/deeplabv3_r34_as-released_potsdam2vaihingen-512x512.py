# The segmentation stage as DRDG's released code trains it: the learning rate halves, down to 2e-5,
# when the loss has not improved for 20 epochs; the head adds a projection with dropout after its
# pyramid.
_base_ = './deeplabv3_r34_potsdam2vaihingen-512x512.py'
model = dict(decode_head=dict(type='ProjectedASPPHead', dropout_ratio=0.5))
custom_hooks = [
    dict(type='PlateauHook', monitor='loss', factor=0.5, patience=20, min_lr=2e-5),
]
