# Refinement without contrast on the synthetic dataset, Rural -> Urban.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/refinement_tiny_r2u.py
# Written by configs/generate.py: change it there.
_base_ = './depth_guided_tiny_r2u.py'
model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))
