# ablates: model.backbone, model.neck.fusion
# ablates: model.decode_head.head.in_channels, model.auxiliary_head.in_channels
# ConvNeXt-L for the optical bands, ConvNeXt-S for depth.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    backbone=dict(
        rgb=dict(
            arch=dict(depths=[3, 3, 27, 3], hidden_sizes=[192, 384, 768, 1536]),
            weights='facebook/convnext-large-224-22k',
        ),
        depth=dict(
            arch=dict(depths=[3, 3, 27, 3], hidden_sizes=[96, 192, 384, 768]),
            weights='facebook/convnext-small-224',
        ),
    ),
    neck=dict(fusion=dict(rgb_channels=[192, 384, 768, 1536], depth_channels=[96, 192, 384, 768])),
    decode_head=dict(head=dict(in_channels=[288, 576, 1152, 2304])),
    auxiliary_head=dict(in_channels=1152),
)
