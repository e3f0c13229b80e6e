"""Accept the former names of model arguments for one release.

These arguments of a model have moved into the config of one of its parts.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from depthda.console import warn

# For each class: former arguments, and the argument and key that replace them.
_MOVED = {
    'DRDG': {
        'adv_weight': ('adversarial', 'loss_weight'),
        'gp_weight': ('adversarial', 'gp_weight'),
    },
    'MultiScaleContrastiveNeck': {
        'temperature': ('contrast_loss', 'temperature'),
        'num_negatives': ('contrast_loss', 'num_negatives'),
    },
}
# Arguments that are configs now: for each type, the former value of the argument, or None if the
# class did not have the argument.
_TYPES = {
    'adversarial': {'WassersteinGANLoss': 'wasserstein', 'LeastSquaresGANLoss': 'least-squares'},
    'contrast_loss': {'InfoNCELoss': None},
}

_CACHES = ('keep_in_memory', 'cache')  # former and present argument of datasets


def accept_moved(init: Callable) -> Callable:
    """Decorate an ``__init__`` so that it still accepts its former arguments, with a warning.

    If both are set, the former argument wins, because a config that sets the former argument may
    inherit the new one from its base.
    """
    parameters = inspect.signature(init).parameters

    @functools.wraps(init)
    def wrapper(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__

        def move(argument: str, key: str, value: Any, old: str) -> None:
            _warn(f'{name}: {old}', f'{argument}.{key}={value!r}')
            kwargs[argument] = {**kwargs.get(argument, parameters[argument].default), key: value}

        for argument, names in _TYPES.items():
            old = kwargs.get(argument)
            if isinstance(old, str) and old in names.values():
                del kwargs[argument]
                kind = next(new for new, before in names.items() if before == old)
                move(argument, 'type', kind, f'{argument}={old!r}')
        for old, new in _MOVED.get(name, {}).items():
            if old in kwargs:
                move(*new, kwargs.pop(old), old)
        init(self, *args, **kwargs)

    return wrapper


def current_key(node: Any, key: str) -> str:
    """Return the dotted key that replaces ``key`` in the config of a part, and warn if it moved."""
    moved = _MOVED.get(node.get('type'), {}) if isinstance(node, Mapping) else {}
    if key not in moved or key in node:
        return key
    new = '.'.join(moved[key])
    _warn(key, new)
    return new


def first_form(node: Any) -> Any:
    """Return a config with its former arguments: finished runs are identified by this form."""
    if isinstance(node, (list, tuple)):
        return type(node)(first_form(item) for item in node)
    if not isinstance(node, Mapping):
        return node
    # Samples are the same whether or not they are cached.
    node = {key: first_form(value) for key, value in node.items() if key not in _CACHES}
    for old, (argument, key) in _MOVED.get(node.get('type'), {}).items():
        part = node.get(argument)
        if isinstance(part, dict) and key in part:
            node[old] = part.pop(key)
    for argument, names in _TYPES.items():
        part = node.get(argument)
        if isinstance(part, dict) and part.keys() == {'type'} and part['type'] in names:
            node[argument] = names[part['type']]
            if node[argument] is None:
                del node[argument]
    return node


def _warn(old: str, new: str) -> None:
    warn(f'{old} is now {new}: the old form will be removed in the next release.')
