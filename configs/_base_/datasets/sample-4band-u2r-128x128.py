# The synthetic dataset with a near-infrared band, Urban -> Rural: only the image loader and the
# number of bands differ from sample-u2r-128x128.py.
# Make the dataset first: python tools/make_sample.py data/sample-4band --near-infrared
_base_ = './sample-u2r-128x128.py'
data_root = 'data/sample-4band'
load = [
    dict(type='LoadMultibandImage'),  # LoadImageFromFile would drop the fourth band
    dict(type='LoadDepth', folder=_base_.depth, optical_bands=4),
]
train_pipeline = [*load, _base_.load_labels, *_base_.train_pipeline[3:]]
test_pipeline = [*load, _base_.load_labels, _base_.pack]
tta_pipeline = [*load, _base_.average_flips]

train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
