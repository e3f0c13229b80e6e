"""Contrast and refinement work with every combination of backbone and decode head."""

from typing import Any

import pytest
import torch
from labelled_samples import labelled
from mmengine.config import ConfigDict
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

BN = dict(type='BN', requires_grad=True)
WIDTHS = [8, 16, 32, 64]
BACKBONES: dict[str, dict[str, Any]] = {
    'convnext': dict(
        type='TransformersBackbone',
        arch=dict(model_type='convnext', depths=[1, 1, 1, 1], hidden_sizes=WIDTHS),
    ),
    'swin': dict(
        type='TransformersBackbone',
        arch=dict(
            model_type='swin', embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2],
            window_size=4,
        ),
    ),
    'resnet-50': dict(
        type='ResNetV1c', depth=50, base_channels=2, stem_channels=8, num_stages=4,
        out_indices=(0, 1, 2, 3), norm_cfg=BN, norm_eval=False,
    ),
    'mit-b0': dict(
        type='MixVisionTransformer', in_channels=3, embed_dims=8, num_stages=4,
        num_layers=[1, 1, 1, 1], num_heads=[1, 2, 4, 8], patch_sizes=[7, 3, 3, 3],
        sr_ratios=[8, 4, 2, 1], out_indices=(0, 1, 2, 3), mlp_ratio=2, qkv_bias=True,
    ),
}  # fmt: skip
PYRAMID = dict(in_index=[0, 1, 2, 3])
HEADS: dict[str, dict[str, Any]] = {
    'uper': dict(type='UPerHead', pool_scales=(1, 2), **PYRAMID),
    'segformer': dict(type='SegformerHead', **PYRAMID),
    'aspp': dict(type='ASPPHead', in_index=3, dilations=(1, 2)),
    'fcn': dict(type='FCNHead', in_index=2, num_convs=1, concat_input=False),
}
PARTS = {'depth': (), 'contrast': ('contrast',), 'refinement': ('refinement',)}
PARTS['both'] = ('contrast', 'refinement')


def config(backbone: str, head: str, parts: tuple[str, ...]) -> dict[str, Any]:
    """Change a config of mmseg as ``docs/wrap-your-model.md`` describes."""
    fused = [2 * width for width in WIDTHS]
    index = HEADS[head]['in_index']
    inputs = fused if isinstance(index, list) else fused[index]
    decode_head = dict(
        HEADS[head], in_channels=inputs, channels=8, num_classes=5, norm_cfg=BN,
        dropout_ratio=0.0, align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    )  # fmt: skip
    neck = dict(type='ConcatFusion', rgb_channels=WIDTHS, depth_channels=WIDTHS)
    if 'contrast' in parts:
        neck = dict(type='MultiScaleContrastiveNeck', fusion=neck, channels=8, pool=2, norm_cfg=BN)
    if 'refinement' in parts:
        decode_head = dict(
            type='DepthRefinedHead', head=decode_head, depth_channels=8, channels=8, norm_cfg=BN
        )
    # mmseg reads test_cfg by attribute.
    return ConfigDict(
        type='DepthGuidedEncoderDecoder',
        data_preprocessor=dict(type='RGBDDataPreprocessor', mean=[0.0] * 3, std=[1.0] * 3),
        backbone=dict(type='DualBackbone', rgb=BACKBONES[backbone], depth=BACKBONES['convnext']),
        neck=neck,
        decode_head=decode_head,
        train_cfg=dict(),
        test_cfg=dict(mode='slide', crop_size=(64, 64), stride=(32, 32), window_batch=4),
    )


def samples(size: int) -> list[SegDataSample]:
    labels = torch.randint(5, (2, size, size), generator=torch.Generator().manual_seed(0))
    return labelled(labels, flip=False, flip_direction=None, img_path='x.png')


def images(size: int) -> Tensor:
    return torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('parts', PARTS)
@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('backbone', BACKBONES)
def test_each_combination_builds_learns_and_predicts(backbone, head, parts):
    torch.manual_seed(0)
    model = MODELS.build(config(backbone, head, PARTS[parts]))
    model.init_weights()
    model.train()
    # With images of 128², the coarsest scale has 4 × 4 positions, so 2 × 2 cells to contrast.
    losses = model(images(128), samples(128), mode='loss')
    assert ('neck.loss_contrast' in losses) == ('contrast' in PARTS[parts])
    assert ('decode.refined.loss_ce' in losses) == ('refinement' in PARTS[parts])
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    without_gradient = {
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and (weight.grad is None or not weight.grad.isfinite().all())
    }
    if isinstance(HEADS[head]['in_index'], int) and 'contrast' not in PARTS[parts]:
        index = HEADS[head]['in_index']
        without_gradient = {name for name in without_gradient if not _is_unused(name, index)}
    assert not without_gradient

    model.eval()
    with torch.no_grad():
        out = model(images(96), samples(96), mode='predict')
    assert out[0].pred_sem_seg.data.shape == (1, 96, 96)
    assert out[0].seg_logits.data.shape == (5, 96, 96) and out[0].seg_logits.data.isfinite().all()


def _is_unused(name: str, index: int) -> bool:
    """Return whether a head that reads only one scale leaves this parameter unused."""
    if 'hidden_states_norms' in name:
        return f'stage{index + 1}.' not in name
    if name.startswith('backbone.rgb.layers') and name.split('.')[3] == '2':  # MiT's norms
        return name.split('.')[2] != str(index)
    later = ('stages.3.', 'layers.3.', 'layer4.', 'layers.2.downsample')
    return index < 3 and any(part in name for part in later)
