# RGB-only DeepLabV2 with ResNet-50 at stride 16, the network of LoveDA's adversarial baselines.
_base_ = './deeplabv3_r50.py'
head = dict(
    _delete_=True,
    type='DeepLabV2Head',
    num_classes=7,
    align_corners=False,
)
model = dict(
    backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    decode_head=dict(
        **head,
        in_channels=2048,
        in_index=3,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
    ),
    auxiliary_head=dict(
        **head,
        in_channels=1024,
        in_index=2,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.1),
    ),
)
