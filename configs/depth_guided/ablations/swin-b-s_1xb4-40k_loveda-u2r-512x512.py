# ablates: model.backbone
# Swin-B for the optical bands, Swin-S for depth.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
swin = dict(type='TransformersBackbone', out_indices=(1, 2, 3, 4))
arch = dict(model_type='swin', depths=[2, 2, 18, 2], window_size=7, drop_path_rate=0.3)
model = dict(
    backbone=dict(
        rgb=dict(
            _delete_=True,
            **swin,
            arch=dict(embed_dim=128, num_heads=[4, 8, 16, 32], **arch),
            weights='microsoft/swin-base-patch4-window7-224-in22k',
        ),
        depth=dict(
            _delete_=True,
            **swin,
            arch=dict(embed_dim=96, num_heads=[3, 6, 12, 24], **arch),
            weights='microsoft/swin-small-patch4-window7-224',
        ),
    ),
)
