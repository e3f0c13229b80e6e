# An RGB-only ConvNeXt small enough for a laptop, with random weights.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='DepthGuidedEncoderDecoder',
    data_preprocessor=dict(
        type='RGBDDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(128, 128),
        depth='drop',
    ),
    backbone=dict(
        type='TransformersBackbone',
        arch=dict(
            model_type='convnext',
            depths=[2, 2, 4, 2],
            hidden_sizes=[24, 48, 96, 192],
            layer_scale_init_value=1.0,
        ),
        out_indices=(1, 2, 3, 4),
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[24, 48, 96, 192],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=32,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='slide', crop_size=(128, 128), stride=(128, 128), window_batch=8),
)
