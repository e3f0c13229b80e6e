# DepthDA with two tiny ConvNeXts on the synthetic dataset, Urban -> Rural.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/depthda_convnext-tiny_u2r.py
_base_ = [
    '../_base_/models/depthda_convnext-tiny.py',
    '../_base_/datasets/sample-u2r-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
# Three times as long as depthda_tiny, because ConvNeXts learn more slowly from random weights.
train_cfg = dict(max_iters=900, val_interval=300)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=90),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=90, end=900),
]
default_hooks = dict(checkpoint=dict(interval=300), logger=dict(interval=25))
