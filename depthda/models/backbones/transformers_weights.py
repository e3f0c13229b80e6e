"""Read pretrained weights of ``transformers`` backbones strictly."""

import copy
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import torch
from mmengine.logging import print_log
from torch import Tensor

from depthda.errors import UserError, first_names
from depthda.hub import explained, quiet_transformers

if TYPE_CHECKING:  # importing it takes a second, so it is imported inside the functions that use it
    from transformers import PreTrainedConfig, PreTrainedModel

# Norms of the returned features. Classification checkpoints, such as ConvNeXt and Swin on the hub,
# do not contain these norms, which then start as identity.
ALLOWED_MISSING = (r'^hidden_states_norms\.',)
# Parts of a checkpoint that follow the last stage and that a backbone does not have.
ALLOWED_UNEXPECTED = (r'^(\w+\.)?(classifier|pooler|layernorm|layer_norm)\.',)

# Configuration fields that may differ from the checkpoint, because the same weights remain valid.
# If a shape depends on one of them (position embeddings on image_size), the shape is checked.
_FREE_FIELDS = re.compile(
    r'^_out_|drop|^initializer_range$|^layer_?scale(_init)?_value$|^image_size$|^encoder_stride$'
    r'|^apply_layernorm$|^reshape_hidden_states$|^use_mask_token$|^pos_embed_(shift|jitter|rescale)$'
    r'|^auxiliary_|^use_auxiliary_head$|^semantic_loss_|^vocab_size$'
)


def config_fields(config: 'PreTrainedConfig') -> set[str]:
    """Return the fields that the class of ``config`` declares, without the inherited ones."""
    from transformers import PreTrainedConfig

    inherited = {field.name for field in fields(PreTrainedConfig)}
    return {field.name for field in fields(type(config))} - inherited


def load_weights(
    model: 'PreTrainedModel',
    weights: str,
    allowed_missing: Sequence[str] = ALLOWED_MISSING,
    extra_bands: str | None = None,
) -> None:
    """Copy the weights at a hub id or in a local folder into ``model``, or raise an error.

    Apart from the allowed patterns, model and checkpoint must have the same parameters with the
    same shapes. The configuration of the checkpoint must describe the same architecture. With
    ``extra_bands`` (see ``TransformersBackbone``), the checkpoint may have fewer bands.
    """
    config = _check_config(model.config, weights, extra_bands)
    with explained(weights), quiet_transformers():
        # Use the concrete class, because AutoBackbone would ask the hub even for a local folder.
        loaded, report = type(model).from_pretrained(
            weights,
            config=config,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )

    faults = []
    if missing := _not_allowed(report['missing_keys'], allowed_missing):
        faults.append(f'lack {first_names(missing, 5)}')
    if unexpected := _not_allowed(report['unexpected_keys'], ALLOWED_UNEXPECTED):
        faults.append(f'have {first_names(unexpected, 5)}, which the architecture lacks')
    if shapes := sorted(report['mismatched_keys']):
        shown = [f'{key} {tuple(shape)} instead of {tuple(size)}' for key, shape, size in shapes]
        faults.append(f'have different shapes: {first_names(shown, 5)}')
    if faults:
        raise UserError(
            f'The weights {weights!r} do not fit the {model.config.model_type} backbone of the '
            f'config: they {"; they ".join(faults)}.'
        )
    state = loaded.state_dict()
    if config is not model.config:
        _add_bands(model, state, extra_bands)
    model.load_state_dict(state)
    missing = len(report['missing_keys'])
    text = f'{type(model).__name__}: {len(state) - missing} tensors from {weights}'
    print_log(f'{text}, {missing} with initial values' if missing else text, logger='current')


def _add_bands(model: 'PreTrainedModel', state: dict[str, Tensor], extra_bands: str) -> None:
    """Extend the kernels of the first convolution in ``state`` to the bands of ``model``."""
    for name, expected in model.state_dict().items():
        kernels = state[name]
        if kernels.ndim == 4 and kernels.shape[1] < expected.shape[1]:
            count = expected.shape[1] - kernels.shape[1]
            mean = kernels.mean(1, keepdim=True).expand(-1, count, -1, -1)
            added = mean if extra_bands == 'mean' else torch.zeros_like(mean)
            state[name] = torch.cat([kernels, added], 1)


def _check_config(
    config: 'PreTrainedConfig', weights: str, extra_bands: str | None
) -> 'PreTrainedConfig':
    """Refuse weights of another architecture; return the configuration for reading the weights."""
    from transformers import AutoConfig

    with explained(weights), quiet_transformers():
        stored = AutoConfig.from_pretrained(weights)
    if stored.model_type != config.model_type:
        raise UserError(
            f'The weights {weights!r} belong to a {stored.model_type} model, but arch.model_type '
            f'is {config.model_type!r}: change one of the two.'
        )
    bands, stored_bands = (getattr(item, 'num_channels', None) for item in (config, stored))
    if bands != stored_bands:
        numbers = f'have {stored_bands} bands, but arch.num_channels is {bands}'
        text = f'The weights {weights!r} {numbers}'
        if stored_bands is None or bands < stored_bands:
            raise UserError(f'{text}: set weights=None, or use the same number of bands.')
        if extra_bands is None:
            raise UserError(
                f"{text}: set extra_bands='zero' or 'mean' in the backbone's config to initialise "
                'the other bands, or set weights=None.'
            )
        config = copy.deepcopy(config)
        config.num_channels = stored_bands
    differing = []
    for name in sorted(config_fields(config)):
        values = (getattr(part, name) for part in (config, stored))
        expected, actual = (list(v) if isinstance(v, tuple) else v for v in values)
        if expected != actual and not _FREE_FIELDS.search(name):
            differing.append(f'{name} (arch {expected}, weights {actual})')
    if differing:
        raise UserError(
            f'The weights {weights!r} have a different architecture from the config: '
            f'{", ".join(differing)}.'
        )
    return config


def _not_allowed(keys: Sequence[str], allowed: Sequence[str]) -> list[str]:
    return sorted(key for key in keys if not any(re.search(p, key) for p in allowed))
