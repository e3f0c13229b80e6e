# Refinement without contrast on the synthetic set, Rural -> Urban.
_base_ = './depth_guided_tiny_r2u.py'
model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))
