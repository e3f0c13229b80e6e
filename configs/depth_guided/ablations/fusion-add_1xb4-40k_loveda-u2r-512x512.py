# ablates: model.neck.fusion.type, model.decode_head.head.in_channels
# ablates: model.auxiliary_head.in_channels
# Adds depth features to the optical features; the sum has as many channels as the latter.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    neck=dict(fusion=dict(type='AddFusion')),
    decode_head=dict(head=dict(in_channels=[128, 256, 512, 1024])),
    auxiliary_head=dict(in_channels=512),
)
