# DepthDA with ConvNeXt-B for both modalities.
_base_ = './depthda_convnext-b-s.py'
model = dict(
    backbone=dict(
        depth=dict(
            arch=dict(hidden_sizes=[128, 256, 512, 1024]),
            weights='facebook/convnext-base-224',
        )
    ),
    neck=dict(rgb_channels=[128, 256, 512, 1024], depth_channels=[128, 256, 512, 1024]),
    decode_head=dict(in_channels=[256, 512, 1024, 2048]),
    auxiliary_head=dict(in_channels=1024),
)
