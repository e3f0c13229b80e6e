# ablates: model.backbone, model.neck.fusion
# ablates: model.decode_head.head.in_channels, model.auxiliary_head.in_channels
# ConvNeXt-T for the optical bands, ConvNeXt-T for depth.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    backbone=dict(
        rgb=dict(
            arch=dict(depths=[3, 3, 9, 3], hidden_sizes=[96, 192, 384, 768]),
            weights='facebook/convnext-tiny-224',
        ),
        depth=dict(
            arch=dict(depths=[3, 3, 9, 3], hidden_sizes=[96, 192, 384, 768]),
            weights='facebook/convnext-tiny-224',
        ),
    ),
    neck=dict(fusion=dict(rgb_channels=[96, 192, 384, 768], depth_channels=[96, 192, 384, 768])),
    decode_head=dict(head=dict(in_channels=[192, 384, 768, 1536])),
    auxiliary_head=dict(in_channels=768),
)
