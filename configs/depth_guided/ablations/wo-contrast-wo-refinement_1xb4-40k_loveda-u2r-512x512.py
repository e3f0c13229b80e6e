# ablates: model.neck, model.decode_head
# DepthDA: a second encoder for depth, but neither contrast nor refinement.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    neck=dict(_delete_=True, **_base_.model.neck.fusion),
    decode_head=dict(_delete_=True, **_base_.model.decode_head.head),
)
