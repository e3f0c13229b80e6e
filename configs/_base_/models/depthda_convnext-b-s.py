# DepthDA: a ConvNeXt-B for the optical bands and a ConvNeXt-S for relative depth. Features of equal
# stride are concatenated and decoded together.
norm_cfg = dict(type='SyncBN', requires_grad=True)  # acts as plain BN in a single process
model = dict(
    type='DepthGuidedEncoderDecoder',  # mmseg's EncoderDecoder with batched sliding windows
    data_preprocessor=dict(
        type='RGBDDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # ImageNet, red first
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,  # images are read blue first; the depth band stays last
        # ImageNet's mean and standard deviation for values from 0 to 1, averaged over colours.
        depth_mean=0.449,
        depth_std=0.226,
        size=(512, 512),  # training crops smaller than this are padded
    ),
    backbone=dict(
        type='DualBackbone',  # any two backbones; the last channel goes to `depth`
        rgb=dict(
            type='TransformersBackbone',
            arch=dict(
                model_type='convnext',
                depths=[3, 3, 27, 3],  # ConvNeXt-B
                hidden_sizes=[128, 256, 512, 1024],
                drop_path_rate=0.4,
                layer_scale_init_value=1.0,
            ),
            out_indices=(1, 2, 3, 4),  # strides 4, 8, 16, 32
            weights='facebook/convnext-base-224-22k',  # hub id or local folder; None: random
        ),
        depth=dict(
            type='TransformersBackbone',
            arch=dict(
                model_type='convnext',
                depths=[3, 3, 27, 3],  # ConvNeXt-S
                hidden_sizes=[96, 192, 384, 768],
                drop_path_rate=0.3,
                layer_scale_init_value=1.0,
            ),
            out_indices=(1, 2, 3, 4),
            weights='facebook/convnext-small-224',
        ),
    ),
    neck=dict(
        type='ConcatFusion',  # or GatedFusion, AddFusion
        rgb_channels=[128, 256, 512, 1024],
        depth_channels=[96, 192, 384, 768],
    ),
    decode_head=dict(
        type='UPerHead',  # any mmseg decode head
        in_channels=[224, 448, 896, 1792],  # optical + depth channels at each stride
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
        type='FCNHead',  # deep supervision at stride 16, unused at test
        in_channels=896,
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
    # A 1024² image is split into four windows, which go through the network as one batch.
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(512, 512), window_batch=4),
)
