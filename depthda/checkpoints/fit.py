"""The one check between a checkpoint and a model: all of it fits, or a part that is asked for."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depthda.checkpoints.key_layouts import translate_keys
from depthda.console import show
from depthda.errors import UserError

# Below this share of the encoder's values a partial start would be a random one in disguise.
_LEAST = 0.1


@dataclass(frozen=True)
class Fit:
    """How the tensors of a checkpoint fit a model, under the model's own names.

    Attributes:
        fitting: Tensors of a name and shape that the model has.
        missing: Names that the checkpoint lacks.
        left_over: Names that the model lacks.
        reshaped: Names in both, with the shapes of checkpoint and model.
        layouts: Foreign layouts that the names were translated from.
    """

    fitting: dict[str, Tensor]
    missing: list[str]
    left_over: list[str]
    reshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    layouts: list[str]

    def fault(self) -> str | None:
        """One line on what keeps the checkpoint from filling the model exactly, if anything."""
        faults = {
            'missing': self.missing,
            'not known to the model': self.left_over,
            'of another shape': [f'{key} {_shapes(*pair)}' for key, pair in self.reshaped.items()],
        }
        parts = [f'{len(keys)} {what} ({_some(keys)})' for what, keys in faults.items() if keys]
        return '; '.join(parts) or None


def match_weights(model: nn.Module, checkpoint: Mapping) -> Fit:
    """Compare a checkpoint (or its ``state_dict`` alone) with a model."""
    found, own = checkpoint.get('state_dict', checkpoint), model.state_dict()
    if other := [key for key, value in found.items() if not isinstance(value, Tensor)]:
        raise UserError(
            f'the checkpoint has no tensor under {_some(other)}: save it again as '
            "{'state_dict': ...} with tensors by their names in the model."
        )
    weights, layouts = translate_keys(found, own.keys())
    both = {key: (tuple(weights[key].shape), tuple(own[key].shape)) for key in own.keys() & weights}
    return Fit(
        fitting={key: weights[key] for key in own if key in both and len(set(both[key])) == 1},
        missing=[key for key in own if key not in weights],
        left_over=[key for key in weights if key not in own],
        reshaped={key: both[key] for key in own if key in both and len(set(both[key])) == 2},
        layouts=layouts,
    )


def complete_weights(
    model: nn.Module, checkpoint: Mapping, advice: str, name: str = 'the checkpoint'
) -> dict[str, Tensor]:
    """Return the weights that fill ``model`` exactly, under its own names, or say why not.

    Args:
        model: The model to be filled; it is not changed.
        checkpoint: What a ``.pth`` file holds.
        advice: What to do about a checkpoint that does not fit; ends the sentence.
        name: The file, for the sentence.
    """
    fit = match_weights(model, checkpoint)
    if fault := fit.fault():
        raise UserError(f'{name} does not fit the model of this config: weights {fault}; {advice}.')
    _log_layouts(fit)
    # With the versions of its modules, which some of them read while they load.
    weights = OrderedDict(fit.fitting)
    weights._metadata = getattr(checkpoint.get('state_dict', checkpoint), '_metadata', {})
    return weights


def partial_weights(model: nn.Module, checkpoint: Mapping, name: str) -> tuple[dict, dict]:
    """Return ``model``'s own weights with those of a checkpoint that fit, and what was skipped.

    Both are listed in the log. A checkpoint of which next to nothing fits is refused.

    Args:
        model: The initialised model; it is not changed.
        checkpoint: What a ``.pth`` file holds.
        name: The file, for messages.

    Returns:
        The weights, and a summary of plain built-ins for the run's record.
    """
    fit, own = match_weights(model, checkpoint), model.state_dict()
    _check_enough(fit, own, name)
    _log_layouts(fit)
    skipped = {
        'of another shape': [f'{key} {_shapes(*pair)}' for key, pair in fit.reshaped.items()],
        'missing in the checkpoint': _by_module(fit.missing),
        'left over': _by_module(fit.left_over),
    }
    lines = [f'load_partial: {len(fit.fitting)} of {len(own)} tensors from {name}']
    lines += [f'  {what}: {", ".join(found)}' for what, found in skipped.items() if found]
    show('\n'.join(lines))
    record = {'loaded': len(fit.fitting), 'of': len(own), 'skipped': skipped}
    own.update(fit.fitting)
    return own, record


def check_finite(weights: Mapping[str, Tensor], name: str) -> None:
    """Refuse weights with NaN or infinity, of which every prediction would be a constant map."""
    for key, value in weights.items():
        if not torch.isfinite(value).all():
            raise UserError(
                f'{name} holds NaN or infinity in {key}, so the model would predict nothing: use '
                'an earlier checkpoint.'
            )


def _check_enough(fit: Fit, own: Mapping[str, Tensor], name: str) -> None:
    encoder = [key for key in own if key.startswith('backbone.')] or list(own)
    fitting = sum(own[key].numel() for key in encoder if key in fit.fitting)
    share = fitting / max(1, sum(own[key].numel() for key in encoder))
    if share < _LEAST:
        what = 'encoder' if encoder[0].startswith('backbone.') else 'model'
        raise UserError(
            f'load_partial: {share:.0%} of the {what} of this config would come from {name} '
            f'(weights {fit.fault()}): give load_from a checkpoint with the same {what}, or leave '
            'it out.'
        )


def _log_layouts(fit: Fit) -> None:
    if fit.layouts:
        show(f'the checkpoint was read as {"; ".join(fit.layouts)}')


def _by_module(keys: list[str]) -> list[str]:
    """Names by the module that they belong to, two levels deep, with their number."""
    modules: dict[str, int] = {}
    for key in keys:
        module = '.'.join(key.split('.')[:2])
        modules[module] = modules.get(module, 0) + 1
    return [f'{module} ({count})' for module, count in modules.items()]


def _shapes(found: tuple[int, ...], own: tuple[int, ...]) -> str:
    return f'{_shape(found)} instead of {_shape(own)}'


def _shape(shape: tuple[int, ...]) -> str:
    return '×'.join(map(str, shape)) or 'one value'


def _some(keys: list[str]) -> str:
    return ', '.join(keys[:3]) + (', …' if len(keys) > 3 else '')
