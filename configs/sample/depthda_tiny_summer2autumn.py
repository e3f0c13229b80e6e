# DepthDA on a pair of seasons of the synthetic set, summer -> autumn.
# Make the set first: configs/sample/README.md
_base_ = [
    '../_base_/models/depthda_tiny.py',
    '../_base_/datasets/sample-seasons-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
