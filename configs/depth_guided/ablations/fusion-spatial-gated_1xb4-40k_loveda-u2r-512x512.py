# ablates: model.neck.fusion.type, model.decode_head.head.in_channels
# ablates: model.auxiliary_head.in_channels
# The released gated fusion: all channels of a position share one gate. The result has as many
# channels as the optical features.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    neck=dict(fusion=dict(type='SpatialGatedFusion')),
    decode_head=dict(head=dict(in_channels=[128, 256, 512, 1024])),
    auxiliary_head=dict(in_channels=512),
)
