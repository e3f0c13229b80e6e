# RGB-only ConvNeXt-XL + UPerNet.
_base_ = './upernet_convnext-b.py'
model = dict(
    backbone=dict(
        arch=dict(hidden_sizes=[256, 512, 1024, 2048]),
        weights='facebook/convnext-xlarge-224-22k',
    ),
    decode_head=dict(in_channels=[256, 512, 1024, 2048]),
    auxiliary_head=dict(in_channels=1024),
)
