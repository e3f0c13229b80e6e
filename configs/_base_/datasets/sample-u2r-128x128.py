# The built-in synthetic dataset (tools/make_sample.py), Urban -> Rural, in the local protocol:
# train on source Train, select the checkpoint on its held-out blocks, test on target Test.
_base_ = '../pipelines/steps.py'
data_root = 'data/sample'
depth = 'rdepth/synthetic'
crop_size = (128, 128)
load_depth = dict(type='LoadDepth', folder=depth)

train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    load_depth,
    dict(type='BalancedCrop', crop_size=crop_size, cat_max_ratio=0.75),
    _base_.random_flip,
    _base_.pack,
]
test_pipeline = [_base_.load_image, load_depth, _base_.load_labels, _base_.pack]
tta_pipeline = [_base_.load_image, load_depth, _base_.average_flips]
# For the server protocol, which treats the test images as if they had no labels.
unlabelled_pipeline = [_base_.load_image, load_depth, _base_.pack]
unlabelled_tta_pipeline = [_base_.load_image, load_depth, _base_.average_flips_unlabelled]
# For target images that are used in training without labels.
unlabelled_train_pipeline = [
    _base_.load_image,
    load_depth,
    dict(type='RandomCrop', crop_size=crop_size),
    _base_.random_flip,
    _base_.pack,
]
# For models that do not read depth.
rgb_test_pipeline = [_base_.load_image, _base_.no_depth, _base_.load_labels, _base_.pack]
rgb_unlabelled_pipeline = [_base_.load_image, _base_.no_depth, _base_.pack]

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
        cache='memory',  # 80 small tiles
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
# The unlabelled target images for domain adaptation.
target_images = dict(
    type='LoveDARGBD',
    data_root=data_root,
    domain='Rural',
    split='Train',
    depth=depth,
    labels=False,
    pipeline=unlabelled_train_pipeline,
    cache='memory',
)
val_evaluator = dict(type='SegmentationMetric')
test_evaluator = dict(type='SegmentationMetric')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
