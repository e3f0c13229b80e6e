# DRDG's segmentation network according to the caption of its Fig. 3: DeepLabV3+ with ResNet-34.
_base_ = './deeplabv3_r34.py'
model = dict(
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        c1_in_channels=64,  # channels of the backbone's first stage
        c1_channels=48,
    ),
)
