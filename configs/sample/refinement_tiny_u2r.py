# Refinement without contrast on the synthetic dataset, Urban -> Rural.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/refinement_tiny_u2r.py
# Written by configs/generate.py: change it there.
_base_ = './depth_guided_tiny_u2r.py'
model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))
