# RGB-only CTCFNet: a pyramid transformer and a CNN, merged at each stage. It starts from random
# weights. The head adds a loss on the boundaries between classes to loss_decode.
_base_ = './deeplabv3_r50.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='CTCFNet',
        image_size=512,  # positions are learned for this size, and interpolated for others
        embed_dims=(64, 128, 320, 512),
        cnn_channels=(128, 128, 256, 640),
        depths=(3, 3, 6, 3),
        num_heads=(1, 2, 5, 8),
        sr_ratios=(8, 4, 2, 1),
        norm_cfg={{_base_.norm_cfg}},
    ),
    decode_head=dict(
        _delete_=True,
        type='CTCFNetHead',
        in_channels=[64, 128, 320, 512],
        channels=64,
        num_classes=7,
        norm_cfg={{_base_.norm_cfg}},
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
    ),
    auxiliary_head=None,
)
