# The same with a second encoder for depth.
_base_ = './upernet_tiny.py'
encoder = dict(
    type='TransformersBackbone',
    arch=dict(
        model_type='convnext',
        depths=[2, 2, 4, 2],
        hidden_sizes=[24, 48, 96, 192],
        layer_scale_init_value=1.0,
    ),
    out_indices=(1, 2, 3, 4),
)
model = dict(
    data_preprocessor=dict(depth='input'),
    backbone=dict(_delete_=True, type='DualBackbone', rgb=encoder, depth=encoder),
    neck=dict(
        type='ConcatFusion',
        rgb_channels=[24, 48, 96, 192],
        depth_channels=[24, 48, 96, 192],
    ),
    decode_head=dict(in_channels=[48, 96, 192, 384]),
)
