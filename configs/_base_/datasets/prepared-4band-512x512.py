# A custom dataset of four optical bands (tools/prepare_dataset.py folder --bands 1 2 3 4). Only the
# image loader and the number of bands differ from prepared-512x512.py. Copy both files, set your
# folders in the copy of prepared-512x512.py and your number of bands (optical_bands) in this one.
_base_ = './prepared-512x512.py'
optical_bands = 4
load = [
    dict(type='LoadMultibandImage'),  # LoadImageFromFile would drop the fourth band
    dict(type='LoadDepth', folder=_base_.depth, optical_bands=optical_bands),
]
# Crop, rotations and flips are those of prepared-512x512.py, after its three loading steps.
train_pipeline = [*load, _base_.load_labels, *_base_.train_pipeline[3:]]
test_pipeline = [*load, _base_.load_labels, _base_.pack]
tta_pipeline = [*load, _base_.average_flips]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
