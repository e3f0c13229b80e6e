# DRDG's segmentation network: DeepLabV3 with ResNet-34, RGB only.
_base_ = './deeplabv3_r50.py'
model = dict(
    # As in the released code, scale to 0…1 without ImageNet's mean and standard deviation.
    data_preprocessor=dict(mean=[0, 0, 0], std=[255, 255, 255]),
    backbone=dict(
        type='ResNet',
        depth=34,
        contract_dilation=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.pytorch.org/models/resnet34-b627a593.pth',
        ),
    ),
    decode_head=dict(in_channels=512, channels=256, num_classes=6),
    auxiliary_head=None,
)
