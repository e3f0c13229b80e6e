# ablates: model.decode_head
# Contrast without refinement: the decode head is used without DepthRefinedHead around it.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(decode_head=dict(_delete_=True, **_base_.model.decode_head.head))
