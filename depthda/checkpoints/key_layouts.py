"""Translate the names of weights from mmseg's models, mmpretrain's ConvNeXt and the release."""

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

MMPRETRAIN = "mmpretrain's ConvNeXt names"
RELEASE = 'the names of the released depth-guided code'
ADAPTED = 'the segmentor inside a model that adapts to target images'
ONE_ENCODER = 'a single encoder for the optical bands'
WRAPPED = 'a head or a fusion that is wrapped in only one of checkpoint and model'

_ADAPTED = 'segmentor.'
_ENCODER = r'^(backbone\.(?:depth\.)?)'
_STEM = r'\1model.embeddings.'
_STAGE = r'\1model.encoder.stages.\2.'
_BLOCK = rf'{_STAGE}layers.\3.'
_CONTRAST = r'^decode_head\.contrast_losses\.(\d)\.'
_MIX = re.compile(rf'{_CONTRAST}fusion_weight_logit$')

# Rules (layout, pattern, replacement), applied in this order. They translate the names of all
# layouts to common names, so that all names of one tensor become equal.
_RULES = [
    (RELEASE, r'^backbone2\.', 'backbone.depth.'),
    (RELEASE, r'^neck\.down_channel\.', 'neck.gates.'),
    (RELEASE, r'^neck\.soft_ffn\.', 'neck.mlps.'),
    (RELEASE, rf'{_CONTRAST}proj_head1\.', r'neck.rgb_projections.\1.'),
    (RELEASE, rf'{_CONTRAST}proj_head2\.', r'neck.depth_projections.\1.'),
    (RELEASE, r'^(neck\.\w+_projections\.\d)\.0\.', r'\1.conv.'),
    (RELEASE, r'^(neck\.\w+_projections\.\d)\.1\.', r'\1.bn.'),
    (RELEASE, r'^decode_head\.mask_refiner\.refine_weight$', 'decode_head.step'),
    (RELEASE, r'^decode_head\.mask_refiner\.fusion_branch\.3\.', 'decode_head.residual.'),
    (RELEASE, r'^decode_head\.mask_refiner\.fusion_branch\.', 'decode_head.merge.'),
    (RELEASE, r'^decode_head\.mask_refiner\.logit_branch\.', 'decode_head.logits_branch.'),
    (RELEASE, r'^decode_head\.mask_refiner\.depth_branch\.', 'decode_head.depth_branch.'),
    (RELEASE, r'^(decode_head\.(?:logits_branch|depth_branch|merge))\.0\.', r'\1.conv.'),
    (RELEASE, r'^(decode_head\.(?:logits_branch|depth_branch|merge))\.1\.', r'\1.bn.'),
    (ONE_ENCODER, r'^backbone\.rgb\.', 'backbone.'),
    (WRAPPED, r'^decode_head\.head\.', 'decode_head.'),
    (WRAPPED, r'^neck\.fusion\.', 'neck.'),
    (MMPRETRAIN, rf'{_ENCODER}downsample_layers\.0\.0\.', rf'{_STEM}patch_embeddings.'),
    (MMPRETRAIN, rf'{_ENCODER}downsample_layers\.0\.1\.', rf'{_STEM}layernorm.'),
    (MMPRETRAIN, rf'{_ENCODER}downsample_layers\.(\d)\.', rf'{_STAGE}downsampling_layer.'),
    (MMPRETRAIN, rf'{_ENCODER}stages\.(\d)\.(\d+)\.depthwise_conv\.', rf'{_BLOCK}dwconv.'),
    (MMPRETRAIN, rf'{_ENCODER}stages\.(\d)\.(\d+)\.norm\.', rf'{_BLOCK}layernorm.'),
    (MMPRETRAIN, rf'{_ENCODER}stages\.(\d)\.(\d+)\.pointwise_conv', rf'{_BLOCK}pwconv'),
    (MMPRETRAIN, rf'{_ENCODER}stages\.(\d)\.(\d+)\.gamma$', rf'{_BLOCK}layer_scale_parameter'),
    *(
        (MMPRETRAIN, rf'{_ENCODER}norm{i}\.', rf'\1model.hidden_states_norms.stage{i + 1}.')
        for i in range(4)
    ),
]  # fmt: skip


def translate_keys(
    weights: Mapping[str, Tensor], model_keys: Collection[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors of a checkpoint under the names of a model, and the layouts found.

    ``model_keys`` are the model's names. A key among them keeps its name, and so does a key that no
    layout explains. The prefix ``module.`` of a distributed run is removed. Values stay as they
    are, except for the mixing weights of the contrast: the released code has one tensor for each
    scale, and these are stacked here.
    """
    weights = {key.removeprefix('module.'): value for key, value in weights.items()}
    adapted = [any(key.startswith(_ADAPTED) for key in keys) for keys in (weights, model_keys)]
    if adapted == [True, False]:  # teacher and critics are not needed to predict
        weights = {
            key.removeprefix(_ADAPTED): value
            for key, value in weights.items()
            if key.startswith(_ADAPTED)
        }
    elif adapted == [False, True]:
        weights = {_ADAPTED + key: value for key, value in weights.items()}
    used = {ADAPTED} if adapted[0] != adapted[1] else set()
    mixing = sorted(key for key in weights if _MIX.match(key))
    if mixing and 'neck.mix' in model_keys:
        weights['neck.mix'] = torch.stack([weights.pop(key) for key in mixing])
        used.add(RELEASE)
    by_common = {}
    for key in model_keys:
        common, layouts = _common_name(key)
        # An ambiguous name is not translated.
        by_common[common] = None if common in by_common else (key, layouts)
    translated = {}
    for key, value in weights.items():
        common, layouts = _common_name(key)
        match = None if key in model_keys else by_common.get(common)
        if match is None or match[0] in weights:
            translated[key] = value
            continue
        translated[match[0]] = value
        used |= layouts ^ match[1]
    return translated, sorted(used)


def _common_name(key: str) -> tuple[str, frozenset[str]]:
    """Return the name that all layouts share, and the layouts whose rules changed the key."""
    layouts = set()
    for layout, pattern, replacement in _RULES:
        key, count = re.subn(pattern, replacement, key)
        if count:
            layouts.add(layout)
    return key, frozenset(layouts)
