"""Find mistakes in a table file before any of its rows is run."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthda.datasets.synthetic.writer import BANDS
from depthda.errors import UserError

_KEYS = {
    'title', 'columns', 'rows', 'caption', 'seeds', 'worlds', 'sample', 'protocol', 'smoke', 'curve'
}  # fmt: skip
_SEED = 'randomness.seed'
_MEANS = ('mIoU', 'mF1', 'mPrecision', 'mRecall', 'OA', 'Kappa', 'fwIoU')
_MEANS += ('OA_printed', 'Kappa_printed')
_OF_A_CLASS = re.compile(r'(?:^|/)(?:IoU|F1|Precision|Recall)\..+')


def check_table(path: str | Path, content: Mapping[str, Any]) -> None:
    """Refuse misspelt names, a table without rows, wrong seeds or worlds, and repeated rows."""
    for name, value in content.items():
        if name in _KEYS or callable(value):
            continue
        # ``seed = 0`` may be the variable of a loop, but a tuple is surely meant as ``seeds``.
        several = {'seeds', 'worlds'} if isinstance(value, (list, tuple)) else set()
        near = difflib.get_close_matches(name, _KEYS - content.keys() | several, n=1, cutoff=0.8)
        if near:
            raise UserError(f"'{name}' in {path} has no effect: did you mean '{near[0]}'?")
    if not content['rows']:
        raise UserError(f'{path} has no rows: add at least one.')
    for key in ('seeds', 'worlds'):
        numbers = content.get(key, ())
        several = isinstance(numbers, (list, tuple, range))
        if not several or not all(number is None or type(number) is int for number in numbers):
            advice = 'write a tuple of whole numbers such as (0, 1, 2)'
            raise UserError(f'{key} of {path} is {numbers!r}: {advice}.')
        check_distinct(f'{key} of {path}', numbers)
    for number, row in enumerate(content['rows'], 1):
        if not isinstance(row, Mapping):
            raise UserError(f'row {number} of {path} is {row!r}: write dict(name=…, …).')
    names = [row.get('name') for row in content['rows']]
    if double := {name for name in names if name and names.count(name) > 1}:
        raise UserError(f'two rows of {path} are named {double.pop()!r}: use different names.')


def check_choices(label: str, part: Any) -> None:
    """Refuse a row or step with an unknown checkpoint, or with options that it must not set."""
    if part.checkpoint not in (None, 'best', 'last'):
        mistake = unknown_name_error('checkpoint', part.checkpoint, ('best', 'last'))
        raise UserError(f'{label}: {mistake}')
    for name in ('options', 'test_options'):
        options = getattr(part, name, None) or {}
        if not isinstance(options, Mapping):
            raise UserError(f'{name} of {label} is {options!r}: write a dict, {{key: value}}.')
        for key in options:
            check_no_seed(f'{name} of {label}', key)


def check_score(label: str, column: Any) -> None:
    """Refuse a column whose key is not a score, and ``found=True`` for a score other than mIoU."""
    name = column.key.rpartition('/')[2]
    if name not in _MEANS and not _OF_A_CLASS.search(column.key):
        mistake = unknown_name_error('score', name, _MEANS)
        raise UserError(f'{label}: {mistake} Write the score of a class as IoU.building.')
    if column.found and not column.key.endswith('mIoU'):
        raise UserError(f'{label}: found=True needs the key mIoU, not {column.key!r}.')


def check_pretrained(label: str, row: Any) -> None:
    """Refuse a row that names a pretraining but does not start from it, or the reverse."""
    parts = (row.options, row.steps, row.smoke)
    if bool(row.pretrained) != ('{pretrained}' in repr(parts)):
        missing = 'add {pretrained} to an option' if row.pretrained else 'set pretrained'
        raise UserError(f'{label} cannot start from pretrained weights: {missing}.')
    if row.smoke and 'pretrained' in row.smoke:
        raise UserError(f'{label}: remove pretrained from smoke, because the row sets it.')


def check_pretraining(label: str, pretraining: Any) -> None:
    """Refuse settings of a pretraining that would fail when its data is made."""
    world, sample = pretraining.world, pretraining.sample
    if type(world) is not int or not isinstance(sample, Mapping):
        raise UserError(
            f'{label}: world must be a whole number, and sample a dict such as dict(train=160, …).'
        )
    if sample.get('bands', 'rgb') not in BANDS or not sample.get('train', 1):
        raise UserError(
            f'{label}: sample needs training tiles, and its bands must be one of '
            f'{", ".join(BANDS)}, not {sample.get("bands")!r}.'
        )


def check_no_seed(where: str, key: str) -> None:
    """Refuse a seed among the options, because the seed of the run would replace it."""
    if key.removeprefix('+') == _SEED:
        advice = 'set seeds in the table, or use --seeds'
        raise UserError(f'{where}: the seeds of the table set {_SEED}: {advice}.')


def check_distinct(what: str, numbers: Sequence[Any]) -> None:
    """Refuse repeated values, because the same run would count as two."""
    if repeated := [number for number in numbers if list(numbers).count(number) > 1]:
        raise UserError(f'{what}: {repeated[0]} appears twice: use each value once.')


def unknown_name_error(what: str, name: str, known: Sequence[str]) -> UserError:
    """Return the error for an unknown name, with the nearest known name."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f'did you mean {near[0]!r}?' if near else f'choose from {", ".join(known)}.'
    return UserError(f'unknown {what} {name!r}: {hint}')
