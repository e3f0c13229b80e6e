"""The classes of somebody's own set: names, and the values or colours that stand for them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthda.errors import UserError
from depthda.io.files import read_lines

IGNORED = 255
_NO_CLASS = 'ignore'
_LINE = re.compile(r'(.*?)((?:[\s,;:=]+\d+)*)$')
# What belongs to no name: a number, a second class, a colour in brackets or of HTML, marks of YAML.
_NO_NAME = re.compile(r'(?:^|\s)[-+.]?\d[\d.]*$|[=#]|[(\[,;:]\s*\d|^["\'-]')
# What lists of other make begin with: a value, the titles of their columns, JSON.
_VALUE_FIRST = re.compile(r'\d+(?:\s|\s*[,;:=)])')
_TITLES = {'id', 'index', 'value', 'code', 'label', 'class', 'name', 'colour', 'color', 'rgb'}
# Colours for classes that bring none: far apart, and no grey.
_COLOURS = (
    '#4477aa #ee6677 #228833 #ccbb44 #66ccee #aa3377 #ee8866 #99ddff #bbcc33 #882255 #44aa99 '
    '#332288 #ddcc77 #cc6677 #aaaa00 #117733'
).split()


@dataclass(frozen=True)
class ClassList:
    """Classes in the order of their indices, and how a label file says them.

    Attributes:
        names: Of each class.
        values: Index of the class for a value (``{1: 0}``) or a colour (``{(255, 0, 0): 0}``).
        coloured: The keys of ``values`` are colours.
    """

    names: tuple[str, ...]
    values: dict
    coloured: bool = False

    @property
    def palette(self) -> list[list[int]]:
        """A colour for each class: its own where it has one."""
        own = {index: list(key) for key, index in reversed(self.values.items()) if self.coloured}
        return [own.get(index) or _colour(index) for index in range(len(self.names))]

    def table(self) -> np.ndarray:
        """Index of each 8-bit value, -1 for those of no class."""
        found = np.full(256, -1, np.int16)
        for value, index in self.values.items():
            found[value] = index
        return found


def numbered(names: Sequence[str], first: int = 0) -> ClassList:
    """Classes whose labels are ``first``, ``first`` + 1, …; 255, and 0 if free, are none."""
    values = {IGNORED: IGNORED} | ({0: IGNORED} if first else {})
    return ClassList(tuple(names), values | {first + n: n for n in range(len(names))})


def read_classes(path: str | os.PathLike) -> ClassList:
    """Read a list of classes: a line each, ``name``, ``name VALUE`` or ``name RED GREEN BLUE``.

    Without values the classes are 0, 1, … in the order of the lines. A name that comes again has
    several values; the name ``ignore`` is for what does not count, as 255 does not unless a line
    claims it. Lines that begin with # are comments.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f'there is no list of classes {path}: write one, a line a class, name and value or '
            'name and colour (cropland 255 211 127)'
        )
    entries = [_entry(line, path) for line in read_lines(path) if not line.startswith('#')]
    lengths = {len(numbers) for _, numbers in entries}
    names = tuple(dict.fromkeys(name for name, _ in entries if name != _NO_CLASS))
    if not names or len(names) >= IGNORED:
        raise UserError(f'{path} names {len(names)} classes: 1 to {IGNORED - 1} can be told apart')
    if len({name.lower() for name in names}) < len(names):
        raise UserError(f'{path} has names that differ in capitals alone: write a class in one way')
    if len(lengths) > 1:
        raise UserError(
            f'{path} has lines with {" and ".join(map(str, sorted(lengths)))} numbers: write all '
            'as name, as name VALUE or as name RED GREEN BLUE'
        )
    length = lengths.pop()
    if length == 0:
        if len(names) < len(entries):
            raise UserError(f'{path} names a class twice, or {_NO_CLASS} without its value')
        return numbered(names)
    values: dict = {}
    for name, numbers in entries:
        key = numbers[0] if length == 1 else numbers
        index = IGNORED if name == _NO_CLASS else names.index(name)
        if values.get(key, index) != index:
            raise UserError(f'{path}: {" ".join(map(str, numbers))} stands for two classes')
        values[key] = index
    # A mask of 0 and 255 is common, so a line may claim 255.
    unclaimed = {IGNORED: IGNORED} if length == 1 else {}
    return ClassList(names, unclaimed | values, coloured=length == 3)


def _entry(line: str, path: Path) -> tuple[str, tuple[int, ...]]:
    titles = set(re.split(r'[\s,;]+', line.lower()))
    for fault, found in (
        ('begins with a number', _VALUE_FIRST.match(line)),
        ('is a line of column titles', len(titles) > 1 and titles <= _TITLES),
        ('is JSON', line[0] in '{['),
    ):
        if found:
            raise UserError(
                f'{path}: {line!r} {fault}: write a line a class, name VALUE (building 1) or name '
                'RED GREEN BLUE'
            )
    name, rest = _LINE.match(line).groups()
    name, numbers = name.rstrip(' ,;:=\t'), tuple(map(int, re.findall(r'\d+', rest)))
    odd = _NO_NAME.search(name)
    if not name or odd or len(numbers) not in (0, 1, 3) or any(number > 255 for number in numbers):
        raise UserError(
            f'{path}: cannot read {line!r}: write name, name VALUE or name RED GREEN BLUE, with '
            'numbers from 0 to 255'
        )
    return (_NO_CLASS if name.lower() == _NO_CLASS else name), numbers


def _colour(index: int) -> list[int]:
    code = int(_COLOURS[index % len(_COLOURS)][1:], 16)
    # From the second round on darker, so that no two are alike.
    darker = 0.7 ** (index // len(_COLOURS))
    return [round(darker * part) for part in (code >> 16, code >> 8 & 255, code & 255)]
