# The depth-guided framework around the encoders of depthda_tiny.py.
_base_ = './depthda_tiny.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    neck=dict(
        _delete_=True,
        type='MultiScaleContrastiveNeck',
        fusion={{_base_.model.neck}},
        channels=32,
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        _delete_=True,
        type='DepthRefinedHead',
        head={{_base_.model.decode_head}},
        depth_channels=16,
        channels=16,
        norm_cfg=norm_cfg,
    ),
)
