"""Make the content of a table file from a config and the values that vary in it."""

import ast
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depthda.errors import UserError
from depthda.experiments.tables.table_check import check_distinct, check_no_seed


def sweep(path: Path, vary: Sequence[str]) -> dict[str, Any]:
    """Return a table with a row for each combination of values, or one row if nothing varies.

    Each item of ``vary`` is ``KEY=VALUE,VALUE,…``.
    """
    axes = []
    for item in vary:
        key, equals, text = item.partition('=')
        if not (key and equals and text):
            raise UserError(f'--vary takes KEY=VALUE,VALUE,…, not {item!r}.')
        check_no_seed('--vary', key)
        if key in (axis[0][0] for axis in axes):
            raise UserError(f'--vary has {key} twice: give all of its values at once, {key}=1,2.')
        values = split_values(text)
        check_distinct(f'--vary {key}', values)
        axes.append([(key, value) for value in values])
    rows = []
    for choice in itertools.product(*axes):
        names = [f'{key.rsplit(".", 1)[-1]}-{_as_name(value)}' for key, value in choice]
        title = ', '.join(f'{key} = {value}' for key, value in choice) or path.stem
        row = dict(name='_'.join(names) or 'as-is', title=title, config=str(path))
        rows.append(row | dict(options=dict(choice)))
    title = f'{path.stem}, varied' if axes else path.stem
    columns = [dict(key=key, title=key) for key in ('mIoU', 'mF1', 'OA')]
    return dict(title=title, columns=columns, rows=rows, seeds=(0,))


def split_values(text: str) -> list[Any]:
    """Split values at commas outside brackets and read them as Python; other words are text."""
    try:
        return ast.literal_eval(f'[{text}]')
    except (SyntaxError, ValueError):
        return [_literal(part.strip()) for part in text.split(',')]


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return {'true': True, 'false': False}.get(text, text)


def _as_name(value: Any) -> str:
    return ''.join(c if c.isalnum() or c in '.-' else '-' for c in str(value)).strip('-')[:40]
