# DepthDA with two ConvNeXts, which have a few hundred thousand random weights each. Unlike the
# other tiny models, they have drop-path, so that its rate can be studied.
_base_ = './depthda_tiny.py'
arch = dict(
    model_type='convnext',
    depths=[2, 2, 2, 2],
    hidden_sizes=[16, 32, 64, 128],
    layer_scale_init_value=1.0,
)
encoder = dict(type='TransformersBackbone', out_indices=(1, 2, 3, 4), weights=None)
model = dict(
    backbone=dict(
        rgb=dict(_delete_=True, **encoder, arch=dict(**arch, drop_path_rate=0.4)),
        depth=dict(_delete_=True, **encoder, arch=dict(**arch, drop_path_rate=0.3)),
    ),
)
