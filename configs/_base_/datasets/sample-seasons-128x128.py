# Two seasons of the built-in synthetic dataset, prepared like the Arctic scenes: train and select
# the checkpoint on summer, test on autumn. configs/sample/README.md shows how to make the folders.
_base_ = './sample-u2r-128x128.py'
source_root = 'data/seasons/summer'
target_root = 'data/seasons/autumn'
depth = 'depth'
load = dict(type='LoadDepth', folder=depth)
train_pipeline = [load if step.type == 'LoadDepth' else step for step in _base_.train_pipeline]
test_pipeline = [load if step.type == 'LoadDepth' else step for step in _base_.test_pipeline]
tta_pipeline = [load if step.type == 'LoadDepth' else step for step in _base_.tta_pipeline]
prepared = dict(_delete_=True, type='PreparedDataset', depth=depth)

train_dataloader = dict(
    dataset=dict(data_root=source_root, split='train', pipeline=train_pipeline, **prepared)
)
val_dataloader = dict(
    dataset=dict(
        data_root=source_root, split='val', pipeline=test_pipeline, test_mode=True, **prepared
    )
)
test_dataloader = dict(
    dataset=dict(data_root=target_root, pipeline=test_pipeline, test_mode=True, **prepared)
)
