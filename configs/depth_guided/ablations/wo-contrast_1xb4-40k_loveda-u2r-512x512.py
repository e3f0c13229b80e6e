# ablates: model.neck
# Refinement without contrast: the neck only fuses features.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))
