# RGB and relative depth (DepthDA) on two seasons of the synthetic dataset, summer -> autumn.
# Make the dataset first: configs/sample/README.md
# Train the model with
#   python tools/train.py configs/sample/depthda_tiny_summer2autumn.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depthda_tiny.py',
    '../_base_/datasets/sample-seasons-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
