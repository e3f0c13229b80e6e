# The depth-guided framework around ConvNeXt-XL for the optical bands and ConvNeXt-B for depth.
_base_ = './depthda_convnext-xl-b.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='MultiScaleContrastiveNeck',
        fusion={{_base_.model.neck}},
        scale_weights=[0.04, 0.04, 0.06, 0.06],  # twice those of ConvNeXt-B, as released
    ),
    decode_head=dict(
        _delete_=True,
        type='DepthRefinedHead',
        head={{_base_.model.decode_head}},
        depth_channels=128,
    ),
)
