"""The classes of a custom dataset: names, and the values or colours that encode them in labels."""

import functools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthda.errors import UserError
from depthda.io.files import read_lines

IGNORED, UNKNOWN = 255, 254
_NO_CLASS = 'ignore'
_FORMATS = 'name, name VALUE or name RED GREEN BLUE'
_LINE = re.compile(r'(.*?)((?:[\s,;:=]+\d+)*)$')
# Matches what no class name contains: a trailing number, a second class, a colour in brackets or in
# HTML notation (#ff0000), or the syntax of YAML (quotes, list items).
_NOT_A_NAME = re.compile(r'(?:^|\s)[-+.]?\d[\d.]*$|[=#]|[(\[,;:]\s*\d|^["\'-]')
# Class lists of other programs begin with a value, with column titles, or with JSON.
_VALUE_FIRST = re.compile(r'\d+(?:\s|\s*[,;:=)])')
_TITLES = {'id', 'index', 'value', 'code', 'label', 'class', 'name', 'colour', 'color', 'rgb'}
# Default colours for classes without one. They are easy to distinguish, and none is grey.
_COLOURS = (
    '4477aa ee6677 228833 ccbb44 66ccee aa3377 ee8866 99ddff bbcc33 882255 44aa99 332288 ddcc77 '
    'cc6677 aaaa00 117733'
).split()


@dataclass(frozen=True)
class ClassList:
    """Classes in the order of their indices, with the values that encode them in label files.

    ``values`` has the class index for each value (``{1: 0}``) or, if the list is ``coloured``, for
    each colour (``{(255, 0, 0): 0}``).
    """

    names: tuple[str, ...]
    values: dict
    coloured: bool = False

    @property
    def palette(self) -> list[list[int]]:
        """A colour for each class: the one in the list, or else a default colour."""
        # If the list has several colours for a class, the first one is used.
        listed = {index: key for key, index in reversed(self.values.items()) if self.coloured}
        return [[*listed.get(n, _colour(n))] for n in range(len(self.names))]

    @functools.cached_property
    def table(self) -> np.ndarray:
        """The class index of each 8-bit value or colour (0xRRGGBB); ``UNKNOWN`` if it has none."""
        table = np.full(1 << 24 if self.coloured else 256, UNKNOWN, np.uint8)
        for key, index in self.values.items():
            table[key[0] << 16 | key[1] << 8 | key[2] if self.coloured else key] = index
        return table


def _colour(index: int) -> list[int]:
    """Return the default colour of a class. When all are used, they repeat in darker shades."""
    rounds, number = divmod(index, len(_COLOURS))
    return [round(0.7**rounds * part) for part in bytes.fromhex(_COLOURS[number])]


def numbered(names: Sequence[str], first: int = 0) -> ClassList:
    """Make classes with the labels ``first``, ``first`` + 1, …

    The label 255 is ignored, and so is 0 if it is not the first label.
    """
    values = {IGNORED: IGNORED} | ({0: IGNORED} if first else {})
    return ClassList(tuple(names), values | {first + n: n for n in range(len(names))})


def read_classes(path: str | os.PathLike) -> ClassList:
    """Read a class list with one class per line, as ``name``, ``name VALUE`` or ``name R G B``.

    Without values the classes are 0, 1, … in the order of the lines. A name on several lines has
    several values. The name ``ignore`` marks values of ignored pixels; the value 255 is ignored as
    well, unless a line uses it. Lines that begin with # are comments.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f'the class list {path} does not exist: write one class per line, as a name with a '
            'value or a colour (cropland 255 211 127)'
        )
    entries = [_entry(line, path) for line in read_lines(path) if not line.startswith('#')]
    lengths = {len(numbers) for _, numbers in entries}
    names = tuple(dict.fromkeys(name for name, _ in entries if name != _NO_CLASS))
    if not names or len(names) >= IGNORED:
        raise UserError(f'{path} lists {len(names)} classes: list 1 to {IGNORED - 1}')
    if len({name.lower() for name in names}) < len(names):
        raise UserError(f'{path} has names that differ only in case: spell each class in one way')
    if len(lengths) > 1:
        raise UserError(
            f'{path} has lines with {" and ".join(map(str, sorted(lengths)))} numbers: write every '
            'line as name, every line as name VALUE, or every line as name RED GREEN BLUE'
        )
    length = lengths.pop()
    if length == 0:
        if len(names) < len(entries):
            raise UserError(
                f'{path} lists a class twice, or {_NO_CLASS} without a value: list each class once '
                f'and give {_NO_CLASS} a value'
            )
        return numbered(names)
    values: dict = {}
    for name, numbers in entries:
        key = numbers[0] if length == 1 else numbers
        index = IGNORED if name == _NO_CLASS else names.index(name)
        if values.setdefault(key, index) != index:
            raise UserError(
                f'{path} uses {" ".join(map(str, numbers))} for two classes: give each class its '
                'own value or colour'
            )
    # Label maps with the values 0 and 255 are common, so a line may use 255 for a class.
    unused = {IGNORED: IGNORED} if length == 1 else {}
    return ClassList(names, unused | values, coloured=length == 3)


def _entry(line: str, path: Path) -> tuple[str, tuple[int, ...]]:
    titles = set(re.split(r'[\s,;]+', line.lower()))
    for fault, applies in (
        ('begins with a number', _VALUE_FIRST.match(line)),
        ('is a line of column titles', len(titles) > 1 and titles <= _TITLES),
        ('is JSON', line[0] in '{['),
    ):
        if applies:
            raise UserError(
                f'{path}: the line {line!r} {fault}: write one class per line, as {_FORMATS} '
                '(building 1)'
            )
    name, value = _LINE.match(line).groups()
    name, numbers = name.rstrip(' ,;:=\t'), tuple(map(int, re.findall(r'\d+', value)))
    readable = name and not _NOT_A_NAME.search(name) and len(numbers) in (0, 1, 3)
    if not readable or any(number > 255 for number in numbers):
        raise UserError(
            f'{path}: cannot read the line {line!r}: write {_FORMATS}, with numbers from 0 to 255'
        )
    return (_NO_CLASS if name.lower() == _NO_CLASS else name), numbers
