# Contrast without refinement on the synthetic set, Rural -> Urban.
_base_ = './depth_guided_tiny_r2u.py'
model = dict(decode_head=dict(_delete_=True, **_base_.model.decode_head.head))
