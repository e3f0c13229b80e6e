# DepthDA with ConvNeXt-XL for the optical bands and ConvNeXt-B for depth.
_base_ = './depthda_convnext-b-s.py'
model = dict(
    backbone=dict(
        rgb=dict(
            arch=dict(hidden_sizes=[256, 512, 1024, 2048]),
            weights='facebook/convnext-xlarge-224-22k',
        ),
        depth=dict(
            arch=dict(hidden_sizes=[128, 256, 512, 1024]),
            weights='facebook/convnext-base-224',
        ),
    ),
    neck=dict(rgb_channels=[256, 512, 1024, 2048], depth_channels=[128, 256, 512, 1024]),
    decode_head=dict(in_channels=[384, 768, 1536, 3072]),
    auxiliary_head=dict(in_channels=1536),
)
