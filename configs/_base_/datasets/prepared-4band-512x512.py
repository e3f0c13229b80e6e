# A custom dataset of four optical bands (tools/prepare_dataset.py folder --bands 1 2 3 4):
# prepared-512x512.py, but for the loader of images and the number of bands. Copy both files, name
# your folders in the other one, and set optical_bands here to the number of yours.
_base_ = './prepared-512x512.py'
optical_bands = 4
load = [
    dict(type='LoadMultibandImage'),  # LoadImageFromFile would drop the fourth band
    dict(type='LoadDepth', folder={{_base_.depth}}, optical_bands=optical_bands),
]
labels = [dict(type='LoadAnnotations')]
pack = [dict(type='PackSegInputs', meta_keys={{_base_.meta_keys}})]
flips = [
    dict(type='RandomFlip', prob=0.0),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='RandomFlip', prob=1.0, direction='vertical'),
]
test_pipeline = [*load, *labels, *pack]
tta_pipeline = [*load, dict(type='TestTimeAug', transforms=[flips, labels, pack])]
train_pipeline = [
    *load,
    *labels,
    dict(type='BalancedCrop', crop_size={{_base_.crop_size}}, cat_max_ratio=0.75),
    dict(type='AlignedRotFlip', rotate_prob=0.5, flip_prob=0.5, degree=20),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    *pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
