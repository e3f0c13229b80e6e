# ablates: model.backbone, model.neck.fusion
# ablates: model.decode_head.head.in_channels, model.auxiliary_head.in_channels
# Swin-L for the optical bands, Swin-S for depth.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
swin = dict(type='TransformersBackbone', out_indices=(1, 2, 3, 4))
arch = dict(model_type='swin', depths=[2, 2, 18, 2], window_size=7, drop_path_rate=0.3)
model = dict(
    backbone=dict(
        rgb=dict(
            _delete_=True,
            **swin,
            arch=dict(embed_dim=192, num_heads=[6, 12, 24, 48], **arch),
            weights='microsoft/swin-large-patch4-window7-224-in22k',
        ),
        depth=dict(
            _delete_=True,
            **swin,
            arch=dict(embed_dim=96, num_heads=[3, 6, 12, 24], **arch),
            weights='microsoft/swin-small-patch4-window7-224',
        ),
    ),
    neck=dict(fusion=dict(rgb_channels=[192, 384, 768, 1536], depth_channels=[96, 192, 384, 768])),
    decode_head=dict(head=dict(in_channels=[288, 576, 1152, 2304])),
    auxiliary_head=dict(in_channels=1152),
)
