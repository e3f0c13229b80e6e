"""Judge from the facts of its samples whether a dataset is fit for training."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depthda.datasets.checks.inspection import SampleFacts
from depthda.datasets.checks.mask_codes import describe_converted_mask, describe_shifted_masks
from depthda.datasets.copies import group_equal
from depthda.errors import few, many

# A larger share than this of useless depth maps, or of copies, is serious. (A few tiles without
# data are often equal.)
_FEW = 0.1
_ENOUGH = 5  # maps that show their polarity
_INVERTED = -0.2  # standard deviations


@dataclass(frozen=True)
class Finding:
    """One finding. It is ``serious`` if the dataset should not be used for training as it is."""

    serious: bool
    text: str

    def __str__(self) -> str:
        return f'{"✗" if self.serious else "!"} {self.text}'


def judge(samples: Sequence[SampleFacts], classes: Sequence[str]) -> list[Finding]:
    """Return all findings about a dataset, the serious ones first."""
    found = [
        *_unreadable(samples), *_codes(samples), *_labels(samples, classes), *_depth(samples)
    ]  # fmt: skip
    return sorted(found, key=lambda finding: not finding.serious)


def find_copies(splits: Mapping[str, Sequence[SampleFacts]]) -> list[Finding]:
    """Find equal images in different files, within each split and in two splits.

    :func:`depthda.engine.checks.data_check.data_warnings` reports one file in two splits.
    """
    ordered = sorted(splits, key=lambda name: name != 'train')
    files = {name: _files_by_digest(splits[name]) for name in ordered}
    found = []
    for place, (name, in_split) in enumerate(files.items()):
        equal = [sorted(paths) for paths in in_split.values() if len(paths) > 1]
        pairs = [(path, paths[0]) for paths in equal for path in paths[1:]]
        found += _copies(name, in_split, pairs, 'one another', 'keep one file of each image')
        for other in ordered[:place]:
            first = files[other]
            shared = [
                (in_split[key] - first[key], min(first[key])) for key in in_split.keys() & first
            ]
            pairs = sorted((path, original) for paths, original in shared for path in paths)
            of = 'training images' if other == 'train' else f'{other} images'
            found += _copies(name, in_split, pairs, of, 'remove them from one of the two')
    return sorted(found, key=lambda finding: not finding.serious)


def _files_by_digest(samples: Sequence[SampleFacts]) -> dict[bytes, set[str]]:
    known = (sample for sample in samples if sample.digest is not None)
    return group_equal((os.path.realpath(sample.path), sample.digest) for sample in known)


def _copies(
    name: str, files: Mapping[bytes, set[str]], pairs: list[tuple[str, str]], of: str, fix: str
) -> list[Finding]:
    if not pairs:
        return []
    total = sum(map(len, files.values()))
    shown = few(f'{copy} = {original}' for copy, original in pairs)
    text = f'{name}: {many(len(pairs), "copy", "copies")} of {of} among {many(total, "image")}'
    return [Finding(len(pairs) > _FEW * total, f'{text} ({shown}): {fix}')]


def _unreadable(samples: Sequence[SampleFacts]) -> list[Finding]:
    broken = [sample for sample in samples if sample.fault]
    if not broken:
        return []
    path, fault = broken[0].path, broken[0].fault
    first = fault if path in fault else f'{path}: {fault}'
    return [Finding(True, f'{many(len(broken), "sample")} cannot be used: {first}')]


def _codes(samples: Sequence[SampleFacts]) -> list[Finding]:
    counted = [sample for sample in samples if sample.codes is not None]
    if not counted:
        return []
    converted = (describe_converted_mask(sample.label_path, sample.codes) for sample in counted)
    if text := next(filter(None, converted), None):
        return [Finding(True, text)]
    text = describe_shifted_masks(sum(sample.codes for sample in counted))
    return [Finding(False, text)] if text else []


def _labels(samples: Sequence[SampleFacts], classes: Sequence[str]) -> list[Finding]:
    found = []
    labelled = [sample for sample in samples if sample.pixels is not None]
    if not labelled:
        return []
    if wrong := [sample for sample in labelled if sample.unknown]:
        values = sorted({value for sample in wrong for value in sample.unknown})
        found.append(
            Finding(
                True,
                f'{many(len(wrong), "label")} with values that are not classes '
                f'({", ".join(map(str, values[:5]))}), first {wrong[0].path}: check '
                'reduce_zero_label',
            )
        )
    pixels = sum(sample.pixels for sample in labelled)
    if not pixels.sum():
        found.append(Finding(True, 'no pixel of the dataset has a class'))
    elif absent := [name for name, count in zip(classes, pixels, strict=True) if not count]:
        found.append(Finding(False, f'no pixel of {", ".join(absent)}'))
    empty = [sample for sample in labelled if not sample.pixels.sum()]
    if empty and pixels.sum():
        text = f'{many(len(empty), "label")} without any class, first {empty[0].path}'
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
            serious = len(useless) > _FEW * len(maps)
            text = f'{many(len(useless), f"{name} depth map")}, first that of {useless[0].path}'
            found.append(Finding(serious, text))
    raised = [sample.depth.raised for sample in maps if sample.depth.raised is not None]
    if len(raised) >= _ENOUGH and (mean := float(np.mean(raised))) < _INVERTED:
        text = (
            f'depth may be upside down: in {len(raised)} images buildings and trees lie '
            f'{-mean:.2f} standard deviations below the rest; larger must mean higher'
        )
        found.append(Finding(True, text))
    return found
