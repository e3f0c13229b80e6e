"""Is a data set fit for training? What speaks against it, from the facts of its samples."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depthda.datasets.checks.inspection import SampleFacts
from depthda.datasets.copies import group_equal
from depthda.errors import few, many

_FEW_MAPS = 0.1  # a larger share of useless depth maps is no accident
_FEW_COPIES = 0.1  # the same for copies: a few tiles without data are often equal
_ENOUGH = 5  # maps that tell their polarity
_TURNED = -0.2  # standard deviations


@dataclass(frozen=True)
class Finding:
    """Something to know; ``serious`` if nobody should train on the set as it is."""

    serious: bool
    text: str

    def __str__(self) -> str:
        return f'{"✗" if self.serious else "!"} {self.text}'


def judge(samples: Sequence[SampleFacts], classes: Sequence[str]) -> list[Finding]:
    """Everything that speaks against a set, the serious first."""
    found = [*_unreadable(samples), *_labels(samples, classes), *_depth(samples)]
    return sorted(found, key=lambda finding: not finding.serious)


def find_copies(splits: Mapping[str, Sequence[SampleFacts]]) -> list[Finding]:
    """Equal images in different files, within each split, and in training and another split.

    One file in two splits is for :func:`depthda.engine.checks.data_check.data_warnings` to report.
    """
    files = {name: _files_by_digest(samples) for name, samples in splits.items()}
    found = []
    for name, own in files.items():
        equal = [sorted(paths) for paths in own.values() if len(paths) > 1]
        pairs = [(path, paths[0]) for paths in equal for path in paths[1:]]
        found += _copies(name, own, pairs, 'one another', 'keep one file of each image')
        if name == 'train':
            continue
        trained = files.get('train', {})
        shared = [(own[each] - trained[each], min(trained[each])) for each in own.keys() & trained]
        pairs = sorted((path, first) for paths, first in shared for path in paths)
        found += _copies(name, own, pairs, 'training images', 'take them out of one of the two')
    return sorted(found, key=lambda finding: not finding.serious)


def _files_by_digest(samples: Sequence[SampleFacts]) -> dict[bytes, set[str]]:
    known = (sample for sample in samples if sample.digest is not None)
    return group_equal((os.path.realpath(sample.path), sample.digest) for sample in known)


def _copies(
    name: str, files: Mapping[bytes, set[str]], pairs: list[tuple[str, str]], of: str, cure: str
) -> list[Finding]:
    if not pairs:
        return []
    total = sum(map(len, files.values()))
    shown = few(f'{copy} = {original}' for copy, original in pairs)
    text = f'{name}: {many(len(pairs), "copy", "copies")} of {of} among {many(total, "image")}'
    return [Finding(len(pairs) > _FEW_COPIES * total, f'{text} ({shown}): {cure}')]


def _unreadable(samples: Sequence[SampleFacts]) -> list[Finding]:
    broken = [sample for sample in samples if sample.fault]
    if not broken:
        return []
    path, fault = broken[0].path, broken[0].fault
    first = fault if path in fault else f'{path}: {fault}'
    return [Finding(True, f'{many(len(broken), "sample")} cannot be used: {first}')]


def _labels(samples: Sequence[SampleFacts], classes: Sequence[str]) -> list[Finding]:
    found = []
    labelled = [sample for sample in samples if sample.pixels is not None]
    if not labelled:
        return []
    if odd := [sample for sample in labelled if sample.odd]:
        values = sorted({value for sample in odd for value in sample.odd})
        found.append(
            Finding(
                True,
                f'{many(len(odd), "label")} hold values that are no class '
                f'({", ".join(map(str, values[:5]))}), {odd[0].path} first: see reduce_zero_label',
            )
        )
    pixels = sum(sample.pixels for sample in labelled)
    if not pixels.sum():
        found.append(Finding(True, 'no pixel of the set has a class'))
    elif absent := [name for name, count in zip(classes, pixels, strict=True) if not count]:
        found.append(Finding(False, f'no pixel of {", ".join(absent)}'))
    empty = [sample for sample in labelled if not sample.pixels.sum()]
    if empty and pixels.sum():
        text = f'{many(len(empty), "label")} without any class, {empty[0].path} first'
        found.append(Finding(False, text))
    return found


def _depth(samples: Sequence[SampleFacts]) -> list[Finding]:
    maps = [sample for sample in samples if sample.depth is not None]
    found = []
    for name, useless in (
        ('empty', [sample for sample in maps if not sample.depth.valid]),
        ('constant', [s for s in maps if s.depth.valid and not s.depth.spread > 1e-4]),
    ):
        if useless:
            serious = len(useless) > _FEW_MAPS * len(maps)
            text = f'{many(len(useless), f"{name} depth map")}, of {useless[0].path} first'
            found.append(Finding(serious, text))
    told = [sample.depth.raised for sample in maps if sample.depth.raised is not None]
    if len(told) >= _ENOUGH and (mean := float(np.mean(told))) < _TURNED:
        text = (
            f'depth may be upside down: in {len(told)} images buildings and trees lie '
            f'{-mean:.2f} standard deviations below the rest; larger must mean higher'
        )
        found.append(Finding(True, text))
    return found
