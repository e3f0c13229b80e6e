# Pretraining of the tiny ConvNeXts of depthda_convnext-tiny.py.
_base_ = './date_prediction_resnet-tiny.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TransformersBackbone',
        arch=dict(
            model_type='convnext',
            depths=[2, 2, 2, 2],
            hidden_sizes=[16, 32, 64, 128],
            layer_scale_init_value=1.0,
        ),
        out_indices=(1, 2, 3, 4),
        weights=None,
    ),
)
