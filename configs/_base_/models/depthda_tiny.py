# DepthDA with two quarter-width ResNet-18s: upernet_tiny.py with a second encoder for depth.
_base_ = './upernet_tiny.py'
encoder = dict(
    type='ResNetV1c',
    depth=18,
    base_channels=16,
    stem_channels=16,
    num_stages=4,
    out_indices=(0, 1, 2, 3),
    norm_cfg=dict(type='BN', requires_grad=True),
    norm_eval=False,
)
model = dict(
    data_preprocessor=dict(depth='input'),
    backbone=dict(_delete_=True, type='DualBackbone', rgb=encoder, depth=encoder),
    neck=dict(
        type='ConcatFusion',
        rgb_channels=[16, 32, 64, 128],
        depth_channels=[16, 32, 64, 128],
    ),
    decode_head=dict(in_channels=[32, 64, 128, 256]),
)
