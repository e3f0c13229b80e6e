# RGB-only DAFormer: MiT-B5 and a decoder that joins all stages.
_base_ = './segformer_mit-b5.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='DAFormerHead',
        in_channels=[64, 128, 320, 512],
        in_index=[0, 1, 2, 3],
        channels=256,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg={{_base_.norm_cfg}},
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
    ),
)
