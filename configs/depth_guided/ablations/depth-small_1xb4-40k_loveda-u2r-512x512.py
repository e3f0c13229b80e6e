# ablates: train_dataloader.dataset, val_dataloader.dataset, test_dataloader.dataset, tta_pipeline
# Depth maps from Depth Anything V1 Small; the main config uses those from V1 Large.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
depth = 'rdepth/depth-anything-small'
load = dict(type='LoadDepth', folder=depth)
train = [load if step.type == 'LoadDepth' else step for step in _base_.train_pipeline]
test_pipeline = [load if step.type == 'LoadDepth' else step for step in _base_.test_pipeline]
tta_pipeline = [load if step.type == 'LoadDepth' else step for step in _base_.tta_pipeline]
train_dataloader = dict(dataset=dict(depth=depth, pipeline=train))
val_dataloader = dict(dataset=dict(depth=depth, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(depth=depth, pipeline=test_pipeline))
