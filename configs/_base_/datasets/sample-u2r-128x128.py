# The built-in synthetic set (tools/make_sample.py), Urban -> Rural, in the local protocol:
# trained on source Train, selected on held-out blocks of it, tested on target Test.
data_root = 'data/sample'
depth = 'rdepth/synthetic'
crop_size = (128, 128)
meta_keys = (
    'img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
    'pad_shape', 'scale_factor', 'flip', 'flip_direction', 'reduce_zero_label',
)  # fmt: skip

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='LoadDepth', folder=depth),
    dict(type='BalancedCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
# The tests of models without depth: an image of one's own then needs no depth map beside it.
rgb_test_pipeline = [
    dict(type='LoadDepth') if step['type'] == 'LoadDepth' else step for step in test_pipeline
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='vertical'),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs', meta_keys=meta_keys)],
        ],
    ),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='RunSampler'),
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Urban',
        split='Train',
        holdout=dict(part='fit', every=5, block=4),
        depth=depth,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Urban',
        split='Train',
        holdout=dict(part='held-out', every=5, block=4),
        depth=depth,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Rural',
        split='Test',
        depth=depth,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='SegmentationMetric')
test_evaluator = dict(type='SegmentationMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
