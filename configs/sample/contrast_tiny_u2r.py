# Contrast without refinement on the synthetic dataset, Urban -> Rural.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/contrast_tiny_u2r.py
# Written by configs/generate.py: change it there.
_base_ = './depth_guided_tiny_u2r.py'
model = dict(decode_head=dict(_delete_=True, **_base_.model.decode_head.head))
