# RGB only on the synthetic dataset, Urban -> Rural, local protocol (see configs/depthda/README.md).
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/upernet_tiny_u2r.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/upernet_tiny.py',
    '../_base_/datasets/sample-u2r-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
