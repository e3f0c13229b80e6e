# Contrast without refinement on the synthetic set, Urban -> Rural.
_base_ = './depth_guided_tiny_u2r.py'
model = dict(decode_head=dict(_delete_=True, **_base_.model.decode_head.head))
