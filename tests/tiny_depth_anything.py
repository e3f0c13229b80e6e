"""A Depth Anything model of a few thousand weights, saved by ``transformers``."""

import json
from pathlib import Path

import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation


def tiny_model(seed: int = 0, **config) -> DepthAnythingForDepthEstimation:
    """Return a model with random weights, large enough that depth depends on the image."""
    backbone = dict(
        model_type='dinov2',
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=70,
        patch_size=14,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
        reshape_hidden_states=False,
    )
    settings = dict(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8] * 4,
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    model = DepthAnythingForDepthEstimation(DepthAnythingConfig(**settings | config)).eval()
    generator = torch.Generator().manual_seed(seed)
    for value in model.parameters():
        if value.ndim > 1:
            fan_in = value[0].numel()
            value.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
    model.head.conv3.bias.data.fill_(5)  # because the last activation clips at 0
    return model


def save_tiny(folder: Path, seed: int = 0, size: int = 70, **config) -> Path:
    """Save model and image processor; images of ``size`` × ``size`` pixels are not resized."""
    tiny_model(seed, **config).save_pretrained(folder)
    steps = ('do_resize', 'keep_aspect_ratio', 'do_rescale', 'do_normalize')
    processor = dict.fromkeys(steps, True) | {
        'image_processor_type': 'DPTImageProcessor',
        'size': {'height': size, 'width': size},
        'ensure_multiple_of': 14,
        'resample': 3,
        'rescale_factor': 1 / 255,
        'image_mean': [0.485, 0.456, 0.406],
        'image_std': [0.229, 0.224, 0.225],
        'do_pad': False,
        'size_divisor': None,
    }
    (folder / 'preprocessor_config.json').write_text(json.dumps(processor, indent=2))
    return folder
