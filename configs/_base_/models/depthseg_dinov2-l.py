# DepthSeg with DINOv2-L.
_base_ = './depthseg_dinov2-s.py'
model = dict(
    backbone=dict(
        arch=dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16),
        out_indices=(5, 12, 18, 24),
        weights='facebook/dinov2-large',
    ),
    adapter=dict(channels=[1024] * 4),
    depth_decoder=dict(
        in_channels=1024,
        channels=256,
        reassemble_channels=(256, 512, 1024, 1024),
    ),
    prompter=dict(in_channels=256, channels=256),
    decode_head=dict(in_channels=[1024] * 4, channels=256, prompt_channels=256),
)
