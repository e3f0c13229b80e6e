# DepthSeg on the synthetic dataset, Rural -> Urban, local protocol (see configs/depthda/README.md).
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/depthseg_tiny_r2u.py
# Written by configs/generate.py: change it there.
_base_ = [
    '../_base_/models/depthseg_tiny.py',
    '../_base_/datasets/sample-r2u-128x128.py',
    '../_base_/schedules/adamw-sample.py',
    '../_base_/default_runtime.py',
]
# Depth is learned in training; a test needs no map.
val_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))
