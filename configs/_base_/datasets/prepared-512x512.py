# A custom dataset, written by tools/prepare_dataset.py folder: train on the train list of the
# source, select the checkpoint on its val list, test on all of the target. Copy this file within
# its folder and set your data roots; their manifests hold classes, colours and domains. See
# docs/your-data.md.
_base_ = '../pipelines/loaders.py'
source_root = 'data/custom/north'
target_root = 'data/custom/south'
depth = 'depth'  # folder next to images ('rdepth/depth-anything-large'); None for RGB only
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
# For images without labels.
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

train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        type='PreparedDataset',
        data_root=source_root,
        split='train',
        depth=depth,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
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
    dataset=dict(
        type='PreparedDataset',
        data_root=target_root,
        depth=depth,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
# The target images of models that adapt: any prepared folder, with or without labels.
target_images = dict(
    type='PreparedDataset',
    data_root=target_root,
    depth=depth,
    labels=False,
    pipeline=unlabelled_train_pipeline,
)
