"""Use any backbone of ``transformers`` in mmseg."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from mmengine.model import BaseModule, initialize
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from depthda.errors import UserError
from depthda.hub import fingerprint
from depthda.models.backbones.drop_path import DropPaths
from depthda.models.backbones.transformers_weights import (
    ALLOWED_MISSING,
    config_fields,
    load_weights,
)

if TYPE_CHECKING:  # transformers takes a second to import, so only the builder imports it
    from transformers import PreTrainedConfig

# Parameters that some backbones keep from pretraining but never use.
_UNUSED = ('mask_token', 'swin.layernorm.weight', 'swin.layernorm.bias')


@MODELS.register_module()
class TransformersBackbone(BaseModule):
    """ConvNeXt, Swin, DINOv2, DINOv3 or any other family that ``AutoBackbone`` supports.

    The config spells out the architecture, so building the backbone needs neither internet access
    nor files. Weights are read in ``init_weights()`` and must match the architecture. The output is
    a tuple of feature maps (N, C_i, H_i, W_i).

    Args:
        arch: The family as ``model_type``, and the fields of its configuration, such as
            ``dict(model_type='convnext', depths=[3, 3, 27, 3], hidden_sizes=[128, 256, 512, 1024],
            drop_path_rate=0.4)``.
        out_indices: Stages to return. In most families 0 is the stem and 1 the first stage (in a
            plain ViT, the first block).
        weights: Hub id or local folder of a ``transformers`` checkpoint; None for random weights.
        allowed_missing: Patterns of parameters that the checkpoint may lack.
        extra_bands: How to initialise the kernels of the first convolution if ``arch``
            (``num_channels``) has more bands than ``weights``. ``'zero'``: further bands have no
            influence at first; ``'mean'``: mean of the pretrained kernels; None: raise an error.
        frozen: Compute no gradient and stay in eval mode. With ``weights``, a checkpoint contains
            only a fingerprint of the encoder; loading it reads ``weights`` again and refuses
            weights with another fingerprint.
        in_checkpoint: Include a frozen encoder in checkpoints anyway.
        gradient_checkpointing: Recompute each block in the backward pass: less memory, more time.
        init_cfg: ``dict(type='Pretrained', …)`` loads a checkpoint of mmengine after ``weights``;
            the log lists weights that do not fit.
    """

    def __init__(
        self,
        arch: ConfigType,
        out_indices: Sequence[int] = (1, 2, 3, 4),
        weights: str | None = None,
        allowed_missing: Sequence[str] = ALLOWED_MISSING,
        extra_bands: Literal['zero', 'mean'] | None = None,
        frozen: bool = False,
        in_checkpoint: bool = False,
        gradient_checkpointing: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if frozen and gradient_checkpointing:
            raise UserError(
                'A frozen backbone has no backward pass: remove gradient_checkpointing.'
            )
        from transformers import AutoBackbone

        self.model = AutoBackbone.from_config(_build_config(arch, out_indices))
        self.drop_paths = DropPaths(self.model)
        self.channels = list(self.model.channels)  # of each returned feature map
        self.weights = weights
        self.allowed_missing = allowed_missing
        if extra_bands not in (None, 'zero', 'mean'):
            raise UserError(
                f"extra_bands={extra_bands!r} of TransformersBackbone must be 'zero' or 'mean'."
            )
        self.extra_bands = extra_bands
        self.frozen = frozen
        # Distributed training would wait forever for the gradient of an unused parameter.
        for name, parameter in self.model.named_parameters():
            if frozen or name.endswith(_UNUSED):
                parameter.requires_grad_(False)
        if gradient_checkpointing:
            _checkpoint_blocks(self.model)
        if frozen and weights is not None and not in_checkpoint:
            self.register_buffer('fingerprint', torch.zeros(32, dtype=torch.uint8))
            self.register_state_dict_post_hook(_remove_encoder)
            self.register_load_state_dict_pre_hook(_add_encoder)
        self.train()

    def init_weights(self) -> None:
        """Read the pretrained weights, if any; building has already drawn random values."""
        if self.is_init:
            return
        # This only affects modules that were built on the meta device and have no values yet.
        self.model.init_weights()
        if self.weights is not None:
            load_weights(self.model, self.weights, self.allowed_missing, self.extra_bands)
        if self.init_cfg is not None:
            initialize(self, self.init_cfg)
        if hasattr(self, 'fingerprint'):
            digest = bytearray(fingerprint(self.model))
            self.fingerprint.copy_(torch.frombuffer(digest, dtype=torch.uint8))
        self.is_init = True

    def train(self, mode: bool = True) -> 'TransformersBackbone':
        """Set the mode; a frozen backbone stays in eval mode."""
        return super().train(mode and not self.frozen)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, C, H, W)."""
        self._check_size(inputs)
        self.drop_paths.draw(inputs)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return tuple(self.model(inputs).feature_maps)

    def _check_size(self, inputs: Tensor) -> None:
        """Refuse images that a plain ViT would silently crop to complete patches."""
        config = self.model.config
        plain_vit = hasattr(config, 'hidden_size') and not hasattr(config, 'depths')
        if plain_vit and any(side % config.patch_size for side in inputs.shape[2:]):
            raise UserError(
                f'Images of {tuple(inputs.shape[2:])} cannot be divided into the patches of '
                f'{config.model_type}: crop, resize or pad them to a multiple of '
                f'{config.patch_size} pixels.'
            )


def _remove_encoder(
    backbone: TransformersBackbone, state_dict: dict, prefix: str, metadata: dict
) -> None:
    for key in [key for key in state_dict if key.startswith(f'{prefix}model.')]:
        del state_dict[key]


def _add_encoder(backbone: TransformersBackbone, state_dict: dict, prefix: str, *args) -> None:
    """Add the encoder's weights to ``state_dict``, which contains only their fingerprint."""
    backbone.init_weights()
    stored = state_dict.get(f'{prefix}fingerprint')
    if stored is not None and not torch.equal(stored.cpu(), backbone.fingerprint.cpu()):
        raise UserError(
            f'the checkpoint was trained with a frozen encoder whose weights differ from '
            f'weights={backbone.weights!r}: set weights to those of the training.'
        )
    own = backbone.model.state_dict()
    state_dict.update({f'{prefix}model.{key}': value for key, value in own.items()})


def _build_config(arch: ConfigType, out_indices: Sequence[int]) -> 'PreTrainedConfig':
    """Build the configuration of the model family, and report mistakes in ``arch``."""
    from transformers import CONFIG_MAPPING, AutoBackbone

    values = {k: list(value) if isinstance(value, tuple) else value for k, value in arch.items()}
    family = values.pop('model_type', None)
    if family not in CONFIG_MAPPING:
        raise UserError(
            f'arch.model_type={family!r} is not a model family of transformers: use for example '
            "'convnext', 'swin' or 'dinov2'."
        )
    config_class = CONFIG_MAPPING[family]
    if config_class not in AutoBackbone._model_mapping:
        raise UserError(f'transformers has no backbone class for arch.model_type={family!r}.')
    try:
        config = config_class(**values, out_indices=list(out_indices))
    except ValueError as error:
        raise UserError(f'The arch of the {family} backbone is not valid: {error}.') from error
    # The class accepts any key, so a misspelt key would have no effect.
    known = config_fields(config) | set(config.attribute_map)
    if unknown := sorted(set(values) - known):
        raise UserError(
            f'arch of the {family} backbone has unknown keys {unknown}; the known keys are '
            f'{sorted(key for key in known if not key.startswith("_"))}.'
        )
    # Some defaults are tuples, but the models concatenate them with lists.
    for key in config_fields(config):
        if isinstance(getattr(config, key), tuple):
            setattr(config, key, list(getattr(config, key)))
    return config


class _Checkpointed:
    """Mix-in for a block that recomputes activations in the backward pass to save memory."""

    def forward(self, *args, **kwargs):
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(*args, **kwargs)
        return checkpoint(super().forward, *args, use_reentrant=False, **kwargs)


def _checkpoint_blocks(model: nn.Module) -> None:
    """Checkpoint every residual block, even of families for which ``transformers`` cannot.

    Only the class of each block changes, so parameter names and hooks stay the same, and copies of
    the block work (in a copy, a ``forward`` set on the instance would still run the original).
    """
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        raise UserError(
            f'gradient_checkpointing would update the batch statistics of '
            f'{type(model).__name__} twice per step: disable it.'
        )
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    blocks = [m for modules in lists for m in modules if type(m).__name__.endswith('Layer')]
    if not blocks:
        raise UserError(f'{type(model).__name__} has no blocks: disable gradient_checkpointing.')
    for block in blocks:
        cls = type(block)
        block.__class__ = type(f'Checkpointed{cls.__name__}', (_Checkpointed, cls), {})
