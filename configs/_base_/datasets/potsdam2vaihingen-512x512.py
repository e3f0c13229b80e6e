# Potsdam IRRG -> Vaihingen IRRG: train on all areas of Potsdam, select the checkpoint on DRDG's 8
# validation areas of Vaihingen, test on the other 25. DRDG segments without depth. A model that
# reads the surface model sets depth='dsm' in each dataset and uses the pipelines dsm_….
_base_ = '../pipelines/loaders.py'
source_root = 'data/potsdam'
target_root = 'data/vaihingen'
crop_size = (512, 512)

# Crop, flips and quarter turns are those of DRDG's released code; its paper does not mention them.
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    _base_.no_depth,
    dict(type='RandomCrop', crop_size=crop_size),  # does not change tiles of 512²
    # Together with random_flip, this makes the eight flips and quarter turns equally likely.
    dict(type='AlignedRotFlip', rotate_prob=0.0, flip_prob=1.0),
    _base_.random_flip,
    _base_.pack,
]
test_pipeline = [_base_.load_image, _base_.no_depth, _base_.load_labels, _base_.pack]
tta_pipeline = [_base_.load_image, _base_.no_depth, _base_.average_flips]
# For models that read the surface model.
load_dsm = dict(type='LoadDepth', folder='dsm', image_folder='images_irrg')
dsm_train_pipeline, dsm_test_pipeline, dsm_tta_pipeline = (
    [load_dsm if step == _base_.no_depth else step for step in steps]
    for steps in (train_pipeline, test_pipeline, tta_pipeline)
)
unlabelled_train_pipeline = [step for step in train_pipeline if step != _base_.load_labels]

train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        type='Potsdam',
        data_root=source_root,
        split='all',
        depth=None,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
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
    dataset=dict(
        type='Vaihingen',
        data_root=target_root,
        split='test',
        depth=None,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
# The target images of models that adapt: all areas without their labels, as in DRDG.
target_images = dict(
    type='Vaihingen',
    data_root=target_root,
    split='all',
    depth=None,
    labels=False,
    pipeline=unlabelled_train_pipeline,
)
test_evaluator = [
    dict(type='SegmentationMetric'),
    # DRDG's released code averages scores over batches of 32: see docs/differences.md.
    dict(type='SegmentationMetric', aggregate='per_batch', prefix='released'),
]
