# The synthetic set with a near-infrared band, Urban -> Rural: sample-u2r-128x128.py, but for the
# loader of images and the number of bands.
# Make the set first: python tools/make_sample.py data/sample-4band --near-infrared
_base_ = './sample-u2r-128x128.py'
load = [
    dict(type='LoadMultibandImage'),  # LoadImageFromFile would drop the fourth band
    dict(type='LoadDepth', folder='rdepth/synthetic', optical_bands=4),
]
labels = [dict(type='LoadAnnotations')]
pack = [dict(type='PackSegInputs', meta_keys={{_base_.meta_keys}})]
test_pipeline = [*load, *labels, *pack]
tta_pipeline = [
    *load,
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='vertical'),
            ],
            labels,
            pack,
        ],
    ),
]
train_pipeline = [
    *load,
    *labels,
    dict(type='BalancedCrop', crop_size={{_base_.crop_size}}, cat_max_ratio=0.75),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    *pack,
]
data_root = 'data/sample-4band'
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
