# Potsdam IRRG -> Vaihingen IRRG: trained on every area of Potsdam, selected on the areas of
# Vaihingen that DRDG validates on (8), tested on the others (25). DRDG segments without depth;
# depth='dsm' in each dataset and LoadDepth(folder='dsm', image_folder='images_irrg') turn it on.
_base_ = '../pipelines/loaders.py'
source_root = 'data/potsdam'
target_root = 'data/vaihingen'
crop_size = (512, 512)

# The paper mentions no augmentation: crop, flips and quarter turns are those of its released code.
train_pipeline = [
    _base_.load_image,
    _base_.load_labels,
    _base_.no_depth,
    dict(type='RandomCrop', crop_size=crop_size),  # tiles of 512² stay whole
    # A quarter turn and a flip, then a flip or none: each of the eight positions as often.
    dict(type='AlignedRotFlip', rotate_prob=0.0, flip_prob=1.0),
    _base_.random_flip,
    _base_.pack,
]
test_pipeline = [_base_.load_image, _base_.no_depth, _base_.load_labels, _base_.pack]
tta_pipeline = [_base_.load_image, _base_.no_depth, _base_.average_flips]

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
test_evaluator = [
    dict(type='SegmentationMetric'),
    # As DRDG's released code scores: means over batches of 32, see docs/differences.md.
    dict(type='SegmentationMetric', aggregate='per_batch', prefix='released'),
]
