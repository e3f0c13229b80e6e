# MIC: daformer_tiny_u2r.py with masked target images and feature distance.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/mic_tiny_u2r.py
_base_ = './daformer_tiny_u2r.py'
model = dict(
    terms=[dict(type='FeatureDistance'), dict(type='MaskedConsistency', block=16)],
)
