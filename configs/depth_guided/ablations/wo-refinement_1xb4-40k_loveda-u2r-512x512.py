# ablates: model.decode_head
# Contrast without refinement: the head is the one that was wrapped.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='UPerHead',
        in_channels=[224, 448, 896, 1792],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
    )
)
