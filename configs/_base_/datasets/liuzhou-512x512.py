# LiuZhou as DepthSeg parts it: trained on the train list, selected on val, tested on test. The
# tiles are in data/liuzhou/{images,labels,<depth>}; where each split has folders of its own, give
# each set its split='train' (…) and ann_file=''.
data_root = 'data/liuzhou'
depth = (
    'rdepth/depth-anything-large'  # folder beside images: the teacher's maps, for training alone
)
# What a sample tells about itself, beside mmseg's keys.
meta_keys = (
    'img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
    'pad_shape', 'scale_factor', 'flip', 'flip_direction', 'reduce_zero_label',
)  # fmt: skip

# The tiles are 512² and need no crop. The paper tells of no augmentation: flips alone are ours.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='LoadDepth', folder=depth),  # from here on depth is the last channel of the image
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
# Without depth: an image of one's own needs no depth map beside it.
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
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='RunSampler'),  # endless, and the same for any number of workers
    dataset=dict(
        type='LiuZhou',
        data_root=data_root,
        ann_file='train.txt',
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
        type='LiuZhou',
        data_root=data_root,
        ann_file='val.txt',
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
        type='LiuZhou',
        data_root=data_root,
        ann_file='test.txt',
        depth=None,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(type='SegmentationMetric')
test_evaluator = dict(type='SegmentationMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
