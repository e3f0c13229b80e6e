# The relative-depth-guided framework on the synthetic set, Urban -> Rural.
# Make the set first: python tools/make_sample.py data/sample
_base_ = [
    '../_base_/models/depth_guided_tiny.py',
    '../_base_/datasets/sample-u2r-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
