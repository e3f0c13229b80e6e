# ablates: model.neck.scale_weights
# The weight of the contrast loss is multiplied by 0.5.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(neck=dict(scale_weights=[0.01, 0.01, 0.015, 0.015]))
