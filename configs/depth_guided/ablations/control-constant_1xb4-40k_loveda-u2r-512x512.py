# ablates: train_dataloader.dataset.pipeline, val_dataloader.dataset.pipeline
# ablates: test_dataloader.dataset.pipeline, tta_pipeline
# Capacity control: the second encoder gets one constant value instead of depth.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
control = dict(type='LoadControlDepth', by='constant', folder=_base_.depth)
train = [control if step.type == 'LoadDepth' else step for step in _base_.train_pipeline]
test_pipeline = [control if step.type == 'LoadDepth' else step for step in _base_.test_pipeline]
tta_pipeline = [control if step.type == 'LoadDepth' else step for step in _base_.tta_pipeline]
train_dataloader = dict(dataset=dict(pipeline=train))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
