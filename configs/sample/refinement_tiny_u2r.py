# Refinement without contrast on the synthetic set, Urban -> Rural.
_base_ = './depth_guided_tiny_u2r.py'
model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))
