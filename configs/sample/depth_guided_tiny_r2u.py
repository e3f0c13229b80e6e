# The depth-guided framework (contrast and refinement) on the synthetic dataset, Rural -> Urban,
# local protocol (see configs/depthda/README.md).
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/depth_guided_tiny_r2u.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depth_guided_tiny.py',
    '../_base_/datasets/sample-r2u-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
