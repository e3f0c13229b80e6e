# DAFormer's network with a second encoder for relative depth: MiT-B5 and MiT-B1.
_base_ = './daformer_mit-b5.py'
model = dict(
    data_preprocessor=dict(depth='input', depth_mean=0.449, depth_std=0.226),
    backbone=dict(
        _delete_=True,
        type='DualBackbone',
        rgb=_base_.model.backbone,
        depth=dict(
            _base_.model.backbone,
            num_layers=[2, 2, 2, 2],
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/'
                'mit_b1_20220624-02e5a6a1.pth',
            ),
        ),
    ),
    neck=dict(
        type='ConcatFusion',
        rgb_channels=[64, 128, 320, 512],
        depth_channels=[64, 128, 320, 512],
    ),
    decode_head=dict(in_channels=[128, 256, 640, 1024]),
)
