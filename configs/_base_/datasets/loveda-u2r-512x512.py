# LoveDA Urban -> Rural, local protocol: trained on source Train, selected on a held-out tenth of
# source Train, tested on labelled target images. No target label is seen before the test.
data_root = 'data/loveda'
depth = 'rdepth/depth-anything-large'  # folder beside images_png; None for RGB only
crop_size = (512, 512)
# What a sample tells about itself, beside mmseg's keys.
meta_keys = (
    'img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
    'pad_shape', 'scale_factor', 'flip', 'flip_direction', 'reduce_zero_label',
)  # fmt: skip

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='LoadDepth', folder=depth),  # from here on depth is the last channel of the image
    dict(type='BalancedCrop', crop_size=crop_size, cat_max_ratio=0.75),
    # A turn within ±20°, whose corners are ignored, or quarter turns.
    dict(type='AlignedRotFlip', rotate_prob=0.5, flip_prob=0.5, degree=20),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
uncropped_pipeline = [step for step in train_pipeline if step['type'] != 'BalancedCrop']
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
flips = [
    dict(type='RandomFlip', prob=0.0),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='RandomFlip', prob=1.0, direction='vertical'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(
        type='TestTimeAug',
        transforms=[
            flips,
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs', meta_keys=meta_keys)],
        ],
    ),
]
# The same for images whose labels only the challenge server has.
unlabelled_pipeline = [step for step in test_pipeline if step['type'] != 'LoadAnnotations']
unlabelled_tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(
        type='TestTimeAug',
        transforms=[flips, [dict(type='PackSegInputs', meta_keys=meta_keys)]],
    ),
]
# The tests of models without depth: an image of one's own then needs no depth map beside it.
rgb_test_pipeline = [
    dict(type='LoadDepth') if step['type'] == 'LoadDepth' else step for step in test_pipeline
]
rgb_unlabelled_pipeline = [step for step in rgb_test_pipeline if step['type'] != 'LoadAnnotations']

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='RunSampler'),  # endless, and the same for any number of workers
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Urban',
        split='Train',
        holdout=dict(part='fit', every=10, block=20),  # blocks of neighbouring tiles stay whole
        depth=depth,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Urban',
        split='Train',
        holdout=dict(part='held-out', every=10, block=20),
        depth=depth,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Rural',
        split=['Val', 'Train'],
        depth=depth,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='SegmentationMetric')
# Val alone is the figure to quote; Train and both together stand beside it.
test_evaluator = dict(type='SegmentationMetric', headline='Val')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
