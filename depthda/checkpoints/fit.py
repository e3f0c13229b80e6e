"""Check that a checkpoint fits a model completely or, if the config asks for it, in part."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthda.checkpoints.key_layouts import translate_keys
from depthda.checkpoints.loading import load_checkpoint_file
from depthda.console import show
from depthda.errors import UserError, few, many

# With a smaller share of the encoder's values, a partial start would be close to a random one.
_MIN_SHARE = 0.1


@dataclass(frozen=True)
class Fit:
    """How the tensors of a checkpoint fit a model, under the names that the model uses."""

    fitting: dict[str, Tensor]  # tensors whose name and shape the model has, too
    missing: list[str]  # names that the checkpoint lacks
    unexpected: list[str]  # names that the model lacks
    reshaped: list[str]  # names in both whose shapes differ, with the two shapes in words
    layouts: list[str]  # other layouts from which names were translated

    def fault(self) -> str | None:
        """Describe in one line why the checkpoint does not fill the model; None if it does."""
        faults = {
            'missing': self.missing,
            'not in the model': self.unexpected,
            'with a different shape': self.reshaped,
        }
        parts = [
            f'{many(len(keys), "weight")} {what} ({few(keys)})'
            for what, keys in faults.items()
            if keys
        ]
        return ', '.join(parts) or None


def match_weights(model: nn.Module, checkpoint: Mapping) -> Fit:
    """Compare a checkpoint (or only its ``state_dict``) with a model."""
    stored, own = checkpoint.get('state_dict', checkpoint), model.state_dict()
    if other := [key for key, value in stored.items() if not isinstance(value, Tensor)]:
        raise UserError(
            f'the checkpoint has entries that are not tensors ({few(other)}): save it again as '
            "{'state_dict': ...}, with only tensors and their names in the model."
        )
    weights, layouts = translate_keys(stored, own.keys())
    both = {key: (weights[key], value) for key, value in own.items() if key in weights}
    # Buffers that grow during training may have any size.
    growing = {
        f'{prefix}.{name}'
        for prefix, module in model.named_modules()
        for name in getattr(module, 'growing', ())
    }
    fitting = {
        key: weight
        for key, (weight, value) in both.items()
        if weight.shape == value.shape or key in growing
    }
    return Fit(
        fitting=fitting,
        missing=[key for key in own if key not in weights],
        unexpected=[key for key in weights if key not in own],
        reshaped=[
            f'{key} '
            + ' instead of '.join('×'.join(map(str, t.shape)) or 'one value' for t in pair)
            for key, pair in both.items()
            if key not in fitting
        ],
        layouts=layouts,
    )


def complete_weights(
    model: nn.Module, checkpoint: Mapping, advice: str, name: str = 'the checkpoint'
) -> dict[str, Tensor]:
    """Return the weights of a checkpoint under the names of ``model``, if they fill it exactly.

    Otherwise raise a ``UserError`` that names the checkpoint by ``name``, says what does not fit,
    and ends with ``advice``. The model is not changed.
    """
    fit = match_weights(model, checkpoint)
    if fault := fit.fault():
        raise UserError(f'{name} does not fit the model of this config: {fault}; {advice}.')
    _log_layouts(fit)
    # Keep the versions of the model's modules, which some modules read while they load.
    weights = OrderedDict(fit.fitting)
    weights._metadata = getattr(checkpoint.get('state_dict', checkpoint), '_metadata', {})
    return weights


def load_complete(model: nn.Module, path: str | Path, advice: str) -> None:
    """Fill ``model`` exactly from a checkpoint file, or raise an error that says what differs."""
    checkpoint = load_checkpoint_file(path, map_location='cpu')
    model.load_state_dict(complete_weights(model, checkpoint, advice, str(path)))


class FilledCompletely:
    """A mix-in for models that mmengine must fill completely or not at all.

    mmengine's loader, which mmseg's ``init_model`` uses, only logs what does not fit and leaves
    those weights random. torch's ``load_state_dict`` is not changed, because it reports every
    mismatch itself, unless the caller passes ``strict=False``.
    """

    _torch_is_loading = False

    def load_state_dict(self, state_dict: dict, *args, **kwargs) -> Any:
        self._torch_is_loading = True
        try:
            return super().load_state_dict(state_dict, *args, **kwargs)
        finally:
            self._torch_is_loading = False

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        # mmengine calls this method directly. With a prefix, the model is a part of another module,
        # whose loader sees all keys.
        if not (prefix or self._torch_is_loading):
            weights = complete_weights(self, state_dict, 'use the config it was trained with')
            # In place, because the loader passes this dict on to the children.
            state_dict.clear()
            state_dict.update(weights)
        super()._load_from_state_dict(state_dict, prefix, *args)


def partial_weights(model: nn.Module, checkpoint: Mapping, name: str) -> tuple[dict, dict]:
    """Return the weights of ``model`` with those of the checkpoint that fit, and a record.

    The record, in plain built-ins, has the number of loaded tensors and the names of skipped ones.
    The log lists them, too. The model is not changed. A checkpoint that hardly fits is refused.
    """
    fit, own = match_weights(model, checkpoint), model.state_dict()
    encoder = [key for key in own if key.startswith('backbone.')] or list(own)
    fitting = sum(own[key].numel() for key in encoder if key in fit.fitting)
    share = fitting / max(1, sum(own[key].numel() for key in encoder))
    if share < _MIN_SHARE:
        what = 'encoder' if encoder[0].startswith('backbone.') else 'model'
        raise UserError(
            f'load_partial: only {share:.0%} of the {what} of this config would come from {name}: '
            f'{fit.fault()}; set load_from to a checkpoint with the same {what}, or remove it.'
        )
    _log_layouts(fit)
    skipped = {
        'of another shape': fit.reshaped,
        'missing in the checkpoint': _by_module(fit.missing),
        'left over': _by_module(fit.unexpected),
    }
    lines = [f'load_partial: {len(fit.fitting)} of {len(own)} tensors from {name}']
    lines += [f'  {what}: {", ".join(names)}' for what, names in skipped.items() if names]
    show('\n'.join(lines))
    record = {'loaded': len(fit.fitting), 'of': len(own), 'skipped': skipped}
    own.update(fit.fitting)
    return own, record


def check_finite(weights: Mapping[str, Tensor], name: str) -> None:
    """Refuse weights with NaN or infinity, with which every prediction would be a constant map."""
    for key, value in weights.items():
        if not torch.isfinite(value).all():
            raise UserError(
                f'{name} contains NaN or infinity in {key}, so its predictions would be useless: '
                'use an earlier checkpoint.'
            )


def _log_layouts(fit: Fit) -> None:
    if fit.layouts:
        show(f'translated the weight names of the checkpoint from: {"; ".join(fit.layouts)}')


def _by_module(keys: list[str]) -> list[str]:
    """Count names by their module, two levels deep."""
    modules = Counter('.'.join(key.split('.')[:2]) for key in keys)
    return [f'{module} ({count})' for module, count in modules.items()]
