# of: depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py
# ablates: model.backbone, model.neck
# ablates: model.decode_head.in_channels, model.auxiliary_head.in_channels
# One encoder whose stem reads four channels, instead of two encoders.
_base_ = '../../depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    backbone=dict(_delete_=True, type='EarlyFusionBackbone', backbone=_base_.model.backbone.rgb),
    neck=None,
    decode_head=dict(in_channels=[128, 256, 512, 1024]),
    auxiliary_head=dict(in_channels=512),
)
