# Four optical bands and relative depth on the synthetic set, Urban -> Rural.
# Make the set first: python tools/make_sample.py data/sample-4band --near-infrared
_base_ = [
    '../_base_/models/depthda_tiny.py',
    '../_base_/datasets/sample-4band-u2r-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # Of the three colours ImageNet's, of the fourth as tools/check_dataset.py prints them.
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53, 95.0], std=[58.395, 57.12, 57.375, 50.0]),
    backbone=dict(optical_bands=4, rgb=dict(in_channels=4)),
)
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
