# RGB only on two seasons of the synthetic dataset, summer -> autumn.
# Make the dataset first: configs/sample/README.md
# Train the model with
#   python tools/train.py configs/sample/upernet_tiny_summer2autumn.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/upernet_tiny.py',
    '../_base_/datasets/sample-seasons-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
