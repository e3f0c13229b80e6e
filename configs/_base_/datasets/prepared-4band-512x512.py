# A custom dataset of four optical bands (tools/prepare_dataset.py folder --bands 1 2 3 4): as
# prepared-512x512.py, except for the loader of images and the number of bands. Copy both files,
# name your folders in the other one, and set optical_bands here to your number of bands.
_base_ = './prepared-512x512.py'
optical_bands = 4
load = [
    dict(type='LoadMultibandImage'),  # LoadImageFromFile would drop the fourth band
    dict(type='LoadDepth', folder=_base_.depth, optical_bands=optical_bands),
]
# Crop, turns and flips are those of the other file.
train_pipeline = [*load, _base_.load_labels, *_base_.train_pipeline[3:]]
test_pipeline = [*load, _base_.load_labels, _base_.pack]
tta_pipeline = [*load, _base_.average_flips]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
