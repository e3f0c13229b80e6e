# DRDG's segmentation network as the caption of its Fig. 3 names it: DeepLabV3+ with ResNet-34.
_base_ = './deeplabv3_r34.py'
model = dict(
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        c1_in_channels=64,  # of the first stage
        c1_channels=48,
    ),
)
