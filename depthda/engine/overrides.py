"""``--cfg-options`` that cannot miss: an override either takes effect or is refused."""

import difflib
import inspect
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from depthda.errors import UserError

# What somebody reads after the file has been parsed. Any other top-level name (a crop size, a
# pipeline) has already been copied to where it is used, and overriding it would do nothing.
_READ = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'}
_READ |= {'tta_model', 'runner_type', 'model_wrapper_cfg', 'compile'}


def apply_overrides(cfg: Config, options: dict[str, Any]) -> None:
    """Merge dotted ``options`` into ``cfg`` in place.

    A key that the config does not have is an error that names the nearest one; a leading ``+``
    adds a key on purpose. A number or a list is not replaced by text.
    """
    for key, value in options.items():
        added = key.startswith('+')
        key = key.removeprefix('+')
        if not added:
            _check_type(key, _lookup(cfg, key), value)
        _check_read(cfg, key)
        _assign(cfg, key.split('.'), value)


def _check_read(cfg: Config, key: str) -> None:
    top = key.split('.')[0]
    if top in _READ:
        return
    if top not in cfg:
        raise UserError(f"nothing reads '{top}', so adding it would change nothing.")
    uses = [path for path, value in _leaves(cfg) if value == cfg[top]]
    where = f': override {", ".join(uses[:4])}' if uses else ''
    raise UserError(
        f"'{top}' is only a name inside the config file, and overriding it would change nothing"
        f'{where or "; override the key that uses it"}.'
    )


def _lookup(cfg: Config, key: str) -> Any:
    """The value at a dotted key, or an error that names the nearest key."""
    node: Any = cfg
    parts = key.split('.')
    for depth, part in enumerate(parts):
        if isinstance(node, (list, tuple)):
            if not part.isdigit() or int(part) >= len(node):
                raise UserError(
                    f"'{'.'.join(parts[: depth + 1])}' is not in the config: "
                    f"'{'.'.join(parts[:depth])}' has the elements 0 to {len(node) - 1}."
                )
            node = node[int(part)]
        elif isinstance(node, dict | Config) and part in node:
            node = node[part]
        else:
            raise _unknown(cfg, node, key, parts[:depth], part)
    return node


def _assign(node: Any, parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        if isinstance(node, list):
            node = node[int(part)]
        else:
            if not isinstance(node.get(part), (dict, list)):
                node[part] = {}
            node = node[part]
    node[int(parts[-1]) if isinstance(node, list) else parts[-1]] = value


def _unknown(cfg: Config, node: Any, key: str, parents: list[str], part: str) -> UserError:
    nearest = _nearest(cfg, node, key, parents, part)
    hint = f"did you mean '{nearest}'? " if nearest else ''
    return UserError(f"'{key}' is not in the config: {hint}'+{key}=…' adds it on purpose.")


def _nearest(cfg: Config, node: Any, key: str, parents: list[str], part: str) -> str | None:
    """A misspelt sibling; else the same last name elsewhere; else whatever looks alike."""
    siblings = list(node) if isinstance(node, (dict, Config)) else []
    if near := difflib.get_close_matches(part, siblings, n=1, cutoff=0.75):
        return '.'.join([*parents, *near])
    every = [path for path, _ in _leaves(cfg)]
    last = key.rsplit('.', 1)[-1]
    namesakes = [path for path in every if path.rsplit('.', 1)[-1] == last]
    near = difflib.get_close_matches(key, namesakes or every, n=1, cutoff=0.3)
    return near[0] if near else None


def _check_type(key: str, old: Any, new: Any) -> None:
    number = isinstance(old, (int, float)) and not isinstance(old, bool)
    if isinstance(new, str) and (number or isinstance(old, (bool, list, tuple, dict))):
        raise UserError(
            f"'{key}' is a {type(old).__name__} in the config (now {old!r}), and {new!r} is text."
        )


def _nodes(node: Any, path: str = '') -> list[tuple[str, Any]]:
    """Every (dotted key, value) below ``node``, inner ones included."""
    items = (
        list(enumerate(node))
        if isinstance(node, (list, tuple))
        else list(node.items())
        if isinstance(node, (dict, Config))
        else []
    )
    found = []
    for key, value in items:
        here = f'{path}.{key}' if path else str(key)
        found += [(here, value), *_nodes(value, here)]
    return found


def _leaves(cfg: Config) -> list[tuple[str, Any]]:
    """What is read after parsing, with its dotted key."""
    return [(path, value) for path, value in _nodes(cfg) if path.split('.')[0] in _READ]
