# Settings of the data loaders and evaluators that all datasets share, and the steps of steps.py. A
# file in ../datasets adds its datasets and the training batch size.
_base_ = 'steps.py'

train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='RunSampler'),  # endless; the order does not depend on the number of workers
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='SegmentationMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
