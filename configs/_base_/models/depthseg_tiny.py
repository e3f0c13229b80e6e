# DepthSeg with a tiny ViT of random weights, for the synthetic dataset.
_base_ = './depthseg_dinov2-s.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    data_preprocessor=dict(size=(128, 128)),
    backbone=dict(
        arch=dict(
            hidden_size=64, num_hidden_layers=4, num_attention_heads=2, patch_size=8, image_size=128
        ),
        out_indices=(1, 2, 3, 4),
        weights=None,  # random weights, so checkpoints store them
    ),
    adapter=dict(channels=[64] * 4, norm_cfg=norm_cfg),
    depth_decoder=dict(
        in_channels=64,
        patch_size=8,
        channels=16,
        reassemble_channels=(16, 16, 32, 32),
        head_channels=16,
    ),
    prompter=dict(in_channels=16, channels=16, norm_cfg=norm_cfg),
    decode_head=dict(in_channels=[64] * 4, channels=32, prompt_channels=16, norm_cfg=norm_cfg),
    test_cfg=dict(_delete_=True, mode='whole'),
)
