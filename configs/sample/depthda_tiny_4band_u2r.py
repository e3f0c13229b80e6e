# DepthDA with four optical bands on the synthetic dataset, Urban -> Rural, local protocol.
# Make the dataset first: python tools/make_sample.py data/sample-4band --near-infrared
_base_ = [
    '../_base_/models/depthda_tiny.py',
    '../_base_/datasets/sample-4band-u2r-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # ImageNet's values for three bands; tools/check_dataset.py prints those of the fourth.
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53, 95.0], std=[58.395, 57.12, 57.375, 50.0]),
    backbone=dict(optical_bands=4, rgb=dict(in_channels=4)),
)
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
