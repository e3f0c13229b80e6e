# Pretraining of the tiny ViT of depthseg_tiny.py.
_base_ = './date_prediction_resnet-tiny.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TransformersBackbone',
        arch=dict(
            model_type='dinov2',
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=2,
            patch_size=8,
            image_size=128,
        ),
        out_indices=(1, 2, 3, 4),
        weights=None,
    ),
    in_channels=[64] * 4,
    upscale=2,  # from patches of 8 to 1/4 of the image size, like the other encoders
)
