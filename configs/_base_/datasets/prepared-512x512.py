# A set of your own, as tools/prepare_dataset.py folder writes it: trained on the source's train
# list, selected on its val list, tested on all of the target. Copy this file and name your folders;
# classes, colours and domains are read from their manifests. docs/your-data.md goes through it.
source_root = 'data/mine/north'
target_root = 'data/mine/south'
depth = 'depth'  # folder beside images ('rdepth/depth-anything-large'); None for RGB only
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
# The same for images without labels.
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

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='RunSampler'),  # endless, and the same for any number of workers
    dataset=dict(
        type='PreparedDataset',
        data_root=source_root,
        split='train',
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
        type='PreparedDataset',
        data_root=source_root,
        split='val',
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
        type='PreparedDataset',
        data_root=target_root,
        depth=depth,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='SegmentationMetric')
test_evaluator = dict(type='SegmentationMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
