# RGB-only ST-UNet: a CNN that takes in a Swin transformer, and the decoder of a U-Net. It starts
# from random weights.
_base_ = './deeplabv3_r50.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='STUNet',
        width=32,
        units=(3, 4, 6, 3),
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=8,
        drop_path_rate=0.1,
        norm_cfg={{_base_.norm_cfg}},
    ),
    decode_head=dict(
        _delete_=True,
        type='STUNetHead',
        in_channels=[128, 256, 512, 1024],
        channels=16,
        num_classes=7,
        norm_cfg={{_base_.norm_cfg}},
        align_corners=False,
        loss_decode=[
            dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.5),
            dict(type='BatchDiceLoss', loss_weight=0.5),
        ],
    ),
    auxiliary_head=None,
)
