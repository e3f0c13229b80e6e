"""Decay learning rates from the last stage of a backbone down to its stem."""

import re

from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from depthda.errors import UserError

# Parameter names inside a backbone, without the prefix of a wrapper. The blocks of a plain ViT
# count as stages.
_PREFIX = re.compile(r'^(model\.)*(swin\.|beit\.)?')
_STEM = re.compile(
    r'embeddings\.|embedder\.|patch_embed\.|(absolute_)?pos_embed$|cls_token$|mask_token$'
    r'|stem\.|(conv|bn|gn)1\.|downsample_layers\.'
    # downsamplers between stages; in MiT, the patch embedding that opens a stage
    r'|(encoder\.)?(stages|layers)\.\d+\.(downsampling_layer|downsample(_layers)?)\.'
    r'|layers\.\d+\.0\.'
)
_STAGE = re.compile(
    r'(?:encoder\.)?(?:stages|layers)\.(\d+)\.(?:layers|blocks)\.'
    r'|stages\.(\d+)\.\d+\.|layers\.(\d+)\.1\.'
    r'|(?:encoder\.)?layer\.(\d+)\.'
    r'|layers\.(\d+)\.(?:ln|attn|ffn|attention|mlp|layernorm|lambda)'
)
_RESNET_STAGE = re.compile(r'layer([1-4])\.')
# Norms of the returned features, as in mmseg's rule for ConvNeXt (`norm0` to `norm3`).
_OUTPUT = re.compile(r'hidden_states_norms\.|(layer_?)?norm\d?\.|ln1\.|layers\.\d+\.2\.')

# Modules that a wrapper adds to a backbone; they have no pretrained weights.
_ADDED = ('neck.', 'depth_stem.')

_NO_WEIGHT_DECAY = re.compile(
    r'(\.bias|pos_embed|position_embeddings|cls_token|mask_token|register_tokens'
    r'|relative_position_bias_table|grn\.weight)$'
)
# Scalars that a model learns: mixing weights of the contrast, step of the refinement.
_SCALARS = re.compile(r'(^|\.)(mix|step)$')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class StageDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Decay the learning rate by stages, with as few parameter groups as possible.

    A parameter of stage i (1 for the first) learns at lr * decay_rate^(num_layers + 1 - i). The
    stem and all downsamplers count as i = 0. Everything outside the stages (heads, necks, the norms
    of the returned features) learns at lr. With 12 layers and a rate of .9, the stages of a
    ConvNeXt get .9^12, .9^11, .9^10, .9^9 and its stem gets .9^13. If ``num_layers`` is the number
    of its blocks, a plain ViT decays block by block. Biases, norms, embeddings and scalars have no
    weight decay. Frozen parameters are left out.

    ``paramwise_cfg`` may set:

    - ``decay_rate`` (.9): 1 gives equal rates, and then any backbone is accepted.
    - ``num_layers`` (12): the exponent of the first stage.
    - ``depth_decay`` (True): whether the depth encoder of a ``DualBackbone`` decays as well.
    - ``scalar_decay`` (False): whether learned scalars have weight decay, as in the released code.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        settings = dict(decay_rate=0.9, num_layers=12, depth_decay=True, scalar_decay=False)
        unknown = sorted(set(paramwise_cfg or {}) - set(settings))
        if unknown:
            raise UserError(
                f'paramwise_cfg of StageDecayOptimWrapperConstructor has unknown keys {unknown}: '
                f'use only {sorted(settings)}.'
            )
        settings.update(paramwise_cfg or {})
        super().__init__(optim_wrapper_cfg, settings)
        if self.base_lr is None:
            raise UserError(
                'optim_wrapper.optimizer has no lr: set one, because stage decay scales it.'
            )

    def add_params(self, params: list[dict], module: nn.Module, **kwargs) -> None:
        """Append the parameter groups of a model, merged by learning rate and weight decay."""
        num_layers, rate = self.paramwise_cfg['num_layers'], self.paramwise_cfg['decay_rate']
        groups: dict[tuple[int, bool], dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            stage = self._stage(name)
            decays = parameter.ndim > 1 and not _NO_WEIGHT_DECAY.search(name)
            decays |= self.paramwise_cfg['scalar_decay'] and bool(_SCALARS.search(name))
            if (stage, decays) not in groups:
                scale = rate ** (num_layers + 1 - stage)
                label = {0: 'stem', num_layers + 1: 'rest'}.get(stage, f'stage{stage}')
                group = dict(params=[], name=label if decays else f'{label}_no_weight_decay')
                group.update(lr=self.base_lr * scale, lr_scale=scale)
                if self.base_wd is not None:
                    group['weight_decay'] = self.base_wd if decays else 0.0
                groups[stage, decays] = group
            groups[stage, decays]['params'].append(parameter)
        for group in groups.values():
            size = sum(parameter.numel() for parameter in group['params'])
            print_log(
                f'{group["name"]}: {len(group["params"])} tensors, {size / 1e6:.2f} M values, '
                f'lr x{group["lr_scale"]:.4f}, weight decay {group.get("weight_decay")}',
                logger='current',
            )
        params.extend(groups.values())

    def _stage(self, name: str) -> int:
        """Return the stage of a parameter: 0 for the stem, num_layers + 1 outside the stages."""
        outside = self.paramwise_cfg['num_layers'] + 1
        parts = re.match(r'(?:segmentor\.)?backbone\.((?:rgb|depth)\.)?(?:backbone\.)?(.*)', name)
        if parts is None or self.paramwise_cfg['decay_rate'] == 1:
            return outside
        inner = _PREFIX.sub('', parts[2])
        if parts[2].startswith(_ADDED) or _OUTPUT.match(inner):
            return outside
        if parts[1] == 'depth.' and not self.paramwise_cfg['depth_decay']:
            return outside
        if _STEM.match(inner):
            return 0
        if match := _RESNET_STAGE.match(inner):
            stage = int(match[1])
        elif match := _STAGE.match(inner):
            stage = int(next(group for group in match.groups() if group)) + 1
        else:
            raise UserError(
                f'StageDecayOptimWrapperConstructor cannot tell the stage of {name}: use a '
                f'backbone that it supports (ConvNeXt, Swin, ResNet, MiT, ViT), or set '
                f'paramwise_cfg.decay_rate=1.'
            )
        if stage >= outside:
            raise UserError(
                f'{name} is in layer {stage}, but paramwise_cfg.num_layers is {outside - 1}: set '
                f'it to the number of layers of the backbone.'
            )
        return stage
