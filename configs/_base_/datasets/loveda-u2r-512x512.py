# LoveDA Urban -> Rural, local protocol: train on source Train, select the checkpoint on a held-out
# tenth of it, test on labelled target images. No target label is used before the test.
_base_ = '../pipelines/loaders.py'
data_root = 'data/loveda'
depth = 'rdepth/depth-anything-large'  # folder next to images_png; None for RGB only
crop_size = (512, 512)
load_depth = dict(type='LoadDepth', folder=depth)

train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    load_depth,  # appends depth to the image as its last channel
    dict(type='BalancedCrop', crop_size=crop_size, cat_max_ratio=0.75),
    # Rotate by up to ±20° (the loss ignores the empty corners) or by quarter turns with a flip.
    dict(type='AlignedRotFlip', rotate_prob=0.5, flip_prob=0.5, degree=20),
    _base_.random_flip,
    _base_.pack,
]
uncropped_pipeline = [step for step in train_pipeline if step['type'] != 'BalancedCrop']
test_pipeline = [_base_.load_image, load_depth, _base_.load_labels, _base_.pack]
tta_pipeline = [_base_.load_image, load_depth, _base_.average_flips]
# For test images whose labels only the challenge server has.
unlabelled_pipeline = [_base_.load_image, load_depth, _base_.pack]
unlabelled_tta_pipeline = [_base_.load_image, load_depth, _base_.average_flips_unlabelled]
# For target images that are used in training without labels. No rotation by arbitrary angles: its
# empty corners would get pseudo-labels.
unlabelled_train_pipeline = [
    _base_.load_image,
    load_depth,
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='AlignedRotFlip', rotate_prob=0.0, flip_prob=0.5),
    _base_.random_flip,
    _base_.pack,
]
# For models that do not read depth.
rgb_test_pipeline = [_base_.load_image, _base_.no_depth, _base_.load_labels, _base_.pack]
rgb_unlabelled_pipeline = [_base_.load_image, _base_.no_depth, _base_.pack]

train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        type='LoveDARGBD',
        data_root=data_root,
        domain='Urban',
        split='Train',
        holdout=dict(part='fit', every=10, block=20),  # blocks of neighbouring tiles stay together
        depth=depth,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
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
# The unlabelled target images of models that adapt (configs/adaptation).
target_images = dict(
    type='LoveDARGBD',
    data_root=data_root,
    domain='Rural',
    split='Train',
    depth=depth,
    labels=False,
    pipeline=unlabelled_train_pipeline,
)
# Quote the score on Val; scores on Train and on both together are reported as well.
test_evaluator = dict(type='SegmentationMetric', headline='Val')
