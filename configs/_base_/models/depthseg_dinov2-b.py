# DepthSeg with DINOv2-B.
_base_ = './depthseg_dinov2-s.py'
model = dict(
    backbone=dict(
        arch=dict(hidden_size=768, num_attention_heads=12),
        weights='facebook/dinov2-base',
    ),
    adapter=dict(channels=[768] * 4),
    depth_decoder=dict(
        in_channels=768,
        channels=128,
        reassemble_channels=(96, 192, 384, 768),
    ),
    prompter=dict(in_channels=128, channels=128),
    decode_head=dict(in_channels=[768] * 4, channels=128, prompt_channels=128),
)
