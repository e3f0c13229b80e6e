# ablates: model.backbone, model.neck.fusion, model.decode_head.head.in_channels
# ablates: model.decode_head.depth_channels, model.auxiliary_head.in_channels
# MiT-B5 for the optical bands, MiT-B1 for depth.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
mit = dict(
    _delete_=True,
    type='MixVisionTransformer',
    embed_dims=64,
    num_stages=4,
    num_heads=[1, 2, 5, 8],
    patch_sizes=[7, 3, 3, 3],
    sr_ratios=[8, 4, 2, 1],
    out_indices=(0, 1, 2, 3),
    mlp_ratio=4,
    qkv_bias=True,
    drop_path_rate=0.1,
)
pretrained = 'https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/'
b5 = dict(type='Pretrained', checkpoint=pretrained + 'mit_b5_20220624-658746d9.pth')
b1 = dict(type='Pretrained', checkpoint=pretrained + 'mit_b1_20220624-02e5a6a1.pth')
model = dict(
    backbone=dict(
        rgb=dict(num_layers=[3, 6, 40, 3], init_cfg=b5, **mit),
        depth=dict(num_layers=[2, 2, 2, 2], init_cfg=b1, **mit),
    ),
    neck=dict(fusion=dict(rgb_channels=[64, 128, 320, 512], depth_channels=[64, 128, 320, 512])),
    decode_head=dict(head=dict(in_channels=[128, 256, 640, 1024]), depth_channels=64),
    auxiliary_head=dict(in_channels=640),
)
