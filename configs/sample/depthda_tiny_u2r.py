# RGB and relative depth (DepthDA) on the synthetic dataset, Urban -> Rural, local protocol (see
# configs/depthda/README.md).
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/depthda_tiny_u2r.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depthda_tiny.py',
    '../_base_/datasets/sample-u2r-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
