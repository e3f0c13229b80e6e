"""Mistakes in a config that mmengine would take without a word, or answer with a traceback."""

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from depthda.engine.overrides import READ, read_nodes, sentence_of_uses
from depthda.errors import UserError


def check_names(path: Path, read_by_children: frozenset[str] = frozenset()) -> None:
    """Refuse a name that a config file sets over its base's, and that nothing then uses.

    A config file copies values where it is parsed: ``crop_size = (256, 256)`` in a child does not
    reach the base's pipelines, which were made with the base's own.

    Args:
        path: The config file; its bases are checked too.
        read_by_children: Names that files built on this one take as ``{{_base_.name}}``.
    """
    if path.suffix != '.py' or not (bases := Config._get_base_files(str(path))):
        return
    text = path.read_text(encoding='utf-8')
    tree = ast.parse(text)
    read = {node.id for node in ast.walk(tree) if _is_name(node, ast.Load)}
    assigned = {n.id for s in tree.body for n in ast.walk(s) if _is_name(n, ast.Store)}
    names = sorted(n for n in assigned - READ - read - read_by_children if not n.startswith('_'))
    places = [Config._get_cfg_path(base, str(path)) for base in bases]
    if names:
        before: dict[str, Any] = {}
        for base, _ in places:
            before |= Config.fromfile(base).to_dict()
        _check_uses(path, names, before, Config.fromfile(path).to_dict())
    taken = read_by_children | frozenset(re.findall(r'_base_\.(\w+)', text))
    for base, library in places:
        if library is None:  # 'mmseg::…' is not for the user to correct
            check_names(Path(base), taken)


def _check_uses(path: Path, names: list[str], before: dict, after: dict) -> None:
    values = dict(read_nodes(after))
    for name in names:
        if name not in before or name not in after or before[name] == after[name]:
            continue
        uses = [key for key, value in read_nodes(before) if value == before[name]]
        # Followed by hand: the child also set the keys that the base made with this name.
        if any(values.get(key) == after[name] for key in uses):
            continue
        raise UserError(
            f"'{name}' in {path} is only a name inside its base's file, and setting it changes "
            f'nothing{sentence_of_uses(uses, "set")}.'
        )


def _is_name(node: ast.AST, context: type) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, context)


def check_numbers(cfg: Config) -> None:
    """Refuse counts that are not whole numbers, or too small to do anything."""
    wanted = {('train_cfg', key): 1 for key in ('max_iters', 'max_epochs', 'val_interval')}
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        wanted |= {(loader, 'batch_size'): 1, (loader, 'num_workers'): 0}
    for (section, key), least in wanted.items():
        value = (cfg.get(section) or {}).get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(
                f'{section}.{key}={value!r} of the config is not a whole number from {least} on: '
                'correct it.'
            )


@contextmanager
def merge_mistakes(cfg: Config) -> Iterator[None]:
    """Say in one sentence that a class refuses an argument that ``cfg`` has for it.

    That is what becomes of a child config that changes a ``type`` and inherits the rest.
    """
    # Building takes some of these apart.
    nodes = read_nodes(cfg.to_dict())
    try:
        yield
    except TypeError as error:
        found = re.search(
            r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error)
        )
        kind, argument = found.groups() if found else ('', '')
        places = [
            key
            for key, value in nodes
            if isinstance(value, dict)
            and argument in value
            and str(value.get('type')).rsplit('.', 1)[-1] == kind
        ]
        if not places:
            raise  # not the config's doing
        raise UserError(
            f"{places[0]}: {kind} takes no '{argument}'; remove it from the config or, if it comes "
            f"from the base config, replace the base's dict: dict(_delete_=True, type='{kind}', …)."
        ) from error
