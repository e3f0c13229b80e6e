# Potsdam IRRG -> Vaihingen IRRG: trained on every area of Potsdam, selected on the areas of
# Vaihingen that DRDG validates on (8), tested on the others (25). Without depth, as DRDG segments:
# depth = 'dsm' of each set and LoadDepth(folder='dsm', image_folder='images_irrg') turn it on.
source_root = 'data/potsdam'
target_root = 'data/vaihingen'
crop_size = (512, 512)
# What a sample tells about itself, beside mmseg's keys.
meta_keys = (
    'img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
    'pad_shape', 'scale_factor', 'flip', 'flip_direction', 'reduce_zero_label',
)  # fmt: skip

# The paper tells of no augmentation: crop, flips and quarter turns are of its released code.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='LoadDepth'),
    dict(type='RandomCrop', crop_size=crop_size),  # tiles of 512² stay whole
    # A quarter turn and a flip, then a flip or none: each of the eight positions as often.
    dict(type='AlignedRotFlip', rotate_prob=0.0, flip_prob=1.0),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth'),
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
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='RunSampler'),  # endless, and the same for any number of workers
    dataset=dict(
        type='Potsdam',
        data_root=source_root,
        split='all',
        depth=None,
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
        type='Vaihingen',
        data_root=target_root,
        split='val',
        depth=None,
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
        type='Vaihingen',
        data_root=target_root,
        split='test',
        depth=None,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='SegmentationMetric')
test_evaluator = [
    dict(type='SegmentationMetric'),
    # As the released code of DRDG scores: means over batches of 32, see docs/differences.md.
    dict(type='SegmentationMetric', aggregate='per_batch', prefix='released'),
]
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
