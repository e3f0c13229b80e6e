# RGB only, on a pair of seasons of the synthetic set, summer -> autumn.
# Make the set first: configs/sample/README.md
_base_ = [
    '../_base_/models/upernet_tiny.py',
    '../_base_/datasets/sample-seasons-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
