"""Apply ``--cfg-options`` strictly: an override either takes effect or is refused."""

import difflib
import inspect
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner

from depthda.errors import UserError
from depthda.models.renamed import current_key

# Keys that are read after the file has been parsed. Any other top-level name (a crop size, a
# pipeline) has already been copied to where it is used, so overriding it would do nothing.
READ_AFTER_PARSING = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'}
READ_AFTER_PARSING |= {'tta_model', 'tta_pipeline', 'translate_dataset', 'load_partial'}
READ_AFTER_PARSING |= {'runner_type', 'model_wrapper_cfg', 'find_unused_parameters', 'compile'}
READ_AFTER_PARSING |= {'custom_imports', 'activation_checkpointing', 'efficient_conv_bn_eval'}


def apply_overrides(cfg: Config, options: dict[str, Any]) -> None:
    """Merge dotted ``options`` into ``cfg`` in place.

    A key that the config does not have is an error that names the most similar key; a leading
    ``+`` adds a new key. Text cannot replace a number or a list. A list that replaces a tuple
    becomes a tuple, and a float such as ``1e3`` that replaces an integer becomes an integer.
    """
    for option, value in options.items():
        *parents, last = option.removeprefix('+').split('.')
        node: Any = cfg
        for part in parents:
            node = node.get(part) if isinstance(node, dict | Config) else None
        # An argument of a model may have been renamed.
        parts = '.'.join([*parents, current_key(node, last)]).split('.')
        if not option.startswith('+'):
            value = _converted('.'.join(parts), _lookup(cfg, parts), value)
        if (top := parts[0]) not in READ_AFTER_PARSING:
            if top not in cfg:
                raise UserError(f"nothing reads '{top}', so it would have no effect: leave it out.")
            uses = [path for path, used in runtime_nodes(cfg) if used == cfg[top]]
            raise UserError(
                f"overriding '{top}' would have no effect, because the config file has already "
                f'used its value{describe_uses(uses, "override")}.'
            )
        _assign(cfg, parts, value)


def describe_uses(uses: list[str], verb: str) -> str:
    """Return the end of a message about a name whose value was copied to the keys ``uses``.

    The text says which of these keys to change instead.
    """
    if not uses:
        return f': {verb} the key that uses it'
    uses = sorted(uses, key=lambda path: path.count('.'))  # parents before their children
    return f': {verb} {", ".join(uses[:4])}{", …" if len(uses) > 4 else ""}'


def _lookup(cfg: Config, parts: list[str]) -> Any:
    """Return the value at a dotted key, or raise an error that names the nearest key."""
    node: Any = cfg
    for depth, part in enumerate(parts):
        if isinstance(node, (list, tuple)):
            if not part.isdigit() or int(part) >= len(node):
                elements = f'elements 0 to {len(node) - 1}' if node else 'no elements'
                raise UserError(
                    f"'{'.'.join(parts[: depth + 1])}' is not in the config: "
                    f"'{'.'.join(parts[:depth])}' has {elements}."
                )
            node = node[int(part)]
        elif isinstance(node, dict | Config) and part in node:
            node = node[part]
        else:
            key, nearest = '.'.join(parts), _nearest(cfg, node, parts, depth)
            hint = f"did you mean '{nearest}'? " if nearest else ''
            raise UserError(f"'{key}' is not in the config: {hint}To add a key, write '+{key}=…'.")
    return node


def _nearest(cfg: Config, node: Any, parts: list[str], depth: int) -> str | None:
    """Suggest a key: a similar sibling, the same last name elsewhere, or any similar key."""
    siblings = list(node) if isinstance(node, (dict, Config)) else []
    if near := difflib.get_close_matches(parts[depth], siblings, n=1, cutoff=0.75):
        return '.'.join([*parts[:depth], *near])
    keys = [path for path, _ in runtime_nodes(cfg)]
    same_name = [path for path in keys if path.rsplit('.', 1)[-1] == parts[-1]]
    near = difflib.get_close_matches('.'.join(parts), same_name or keys, n=1, cutoff=0.3)
    return near[0] if near else None


def _assign(node: Any, parts: list[str], value: Any) -> Any:
    """Set the value at ``parts`` inside ``node``; return ``node``, or a new tuple instead of it."""
    inside_list = isinstance(node, (list, tuple))
    part = int(parts[0]) if inside_list else parts[0]
    if len(parts) > 1:
        inner = node[part] if inside_list else node.get(part)
        if not isinstance(inner, (dict, list, tuple)):
            inner = ConfigDict()
        value = _assign(inner, parts[1:], value)
    if isinstance(node, tuple):
        return (*node[:part], value, *node[part + 1 :])
    node[part] = value
    return node


def _converted(key: str, old: Any, new: Any) -> Any:
    """Convert ``new`` to a type that the command line cannot express: tuple, or ``1e3`` as int."""
    if isinstance(new, str) and isinstance(old, (int, float, list, tuple, dict)):
        raise UserError(
            f"'{key}' has type {type(old).__name__} in the config (its value is {old!r}), so it "
            f'cannot be set to the text {new!r}.'
        )
    if isinstance(old, tuple) and isinstance(new, list):
        return tuple(new)
    return int(new) if type(old) is int and isinstance(new, float) and new.is_integer() else new


def all_nodes(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Yield every (dotted key, value) below ``node``, inner nodes included."""
    if isinstance(node, (list, tuple)):
        node = dict(enumerate(node))
    for key, value in node.items() if isinstance(node, (dict, Config)) else ():
        dotted_key = f'{path}.{key}' if path else str(key)
        yield dotted_key, value
        yield from all_nodes(value, dotted_key)


def runtime_nodes(cfg: Config | dict) -> list[tuple[str, Any]]:
    """Return (dotted key, value) of every node that the program reads after parsing."""
    nodes = all_nodes(cfg)
    return [(path, value) for path, value in nodes if path.split('.')[0] in READ_AFTER_PARSING]


def runtime_dicts(cfg: Config, section: str) -> Iterator[tuple[str, dict]]:
    """Yield every dict in a section of a config, such as ``'model'``, with its dotted key."""
    nodes = runtime_nodes({section: cfg.get(section)})
    return ((key, node) for key, node in nodes if isinstance(node, dict))


def segmentor_config(model: dict[str, Any]) -> dict[str, Any]:
    """Return the config of the segmentor, without the parts of a model that only adapt it."""
    return model['segmentor'] if model.get('type') == 'DomainAdaptation' else model


def as_list(value: Any) -> list[Any]:
    """Return a config value as a list; the value may be a list, a single item or None."""
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []
