# DepthSeg with DINOv2-S: a frozen encoder, an adapter, depth prompts, and a decoder for both.
norm_cfg = dict(type='SyncBN', requires_grad=True)  # acts as plain BN in a single process
model = dict(
    type='DepthSeg',
    data_preprocessor=dict(
        type='RGBDDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(512, 512),
        seg_pad_val=255,
    ),
    backbone=dict(
        type='TransformersBackbone',
        arch=dict(
            model_type='dinov2',
            hidden_size=384,
            num_hidden_layers=12,
            num_attention_heads=6,
            patch_size=14,
            image_size=518,  # of pretraining; position embeddings are interpolated to other sizes
        ),
        out_indices=(3, 6, 9, 12),  # blocks, counted from 1
        weights='facebook/dinov2-small',  # hub id or local folder
        frozen=True,  # checkpoints store its fingerprint, not its weights
    ),
    adapter=dict(type='LightweightAdapter', channels=[384] * 4, norm_cfg=norm_cfg),
    depth_decoder=dict(
        type='DepthDecoder',
        in_channels=384,
        patch_size=14,
        channels=64,
        reassemble_channels=(48, 96, 192, 384),
        weights=None,  # or a Depth Anything checkpoint, whose neck and head are loaded
    ),
    prompter=dict(type='DepthPrompter', in_channels=64, channels=64, norm_cfg=norm_cfg),
    loss_depth=dict(type='SSIMLoss'),  # 1 - SSIM between predicted depth and the teacher's depth
    # None reads the teacher's depth maps from disk. For data without maps,
    # dict(type='DepthAnythingTeacher', weights=...) runs the teacher during training.
    teacher=None,
    decode_head=dict(
        type='DepthSegHead',
        in_channels=[384] * 4,
        channels=64,
        prompt_channels=64,  # 0 without a prompter
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(512, 512), window_batch=4),
)
