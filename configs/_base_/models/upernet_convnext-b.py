# RGB-only ConvNeXt-B + UPerNet: the papers' baseline, to which DepthDA adds depth.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='DepthGuidedEncoderDecoder',
    data_preprocessor=dict(
        type='RGBDDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(512, 512),
        depth='drop',  # ignore the depth channel if the dataset has one
    ),
    backbone=dict(
        type='TransformersBackbone',
        arch=dict(
            model_type='convnext',
            depths=[3, 3, 27, 3],
            hidden_sizes=[128, 256, 512, 1024],
            drop_path_rate=0.4,
            layer_scale_init_value=1.0,
        ),
        out_indices=(1, 2, 3, 4),
        weights='facebook/convnext-base-224-22k',
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[128, 256, 512, 1024],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=512,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(512, 512), window_batch=4),
)
