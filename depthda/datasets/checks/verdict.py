"""Judge from the facts of its samples whether a dataset is fit for training."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depthda.datasets.checks.inspection import SampleFacts
from depthda.datasets.checks.mask_codes import describe_converted_mask, describe_shifted_masks
from depthda.datasets.copies import group_equal
from depthda.depth.maps import FAINT
from depthda.errors import few, many

# Useless depth maps, or copies, are serious if their share is larger than this. (A few tiles
# without data are often equal.)
_FEW = 0.1
_ENOUGH = 5  # maps that are needed to judge the polarity
_INVERTED = -0.2  # below this mean of DepthFacts.raised (standard deviations), depth is inverted


@dataclass(frozen=True)
class Finding:
    """One finding. It is ``serious`` if the dataset should not be used for training as it is."""

    serious: bool
    text: str

    def __str__(self) -> str:
        return f'{"✗" if self.serious else "!"} {self.text}'


def judge(samples: Sequence[SampleFacts], classes: Sequence[str]) -> list[Finding]:
    """Return all findings about a dataset, the serious ones first."""
    findings = (*_images_and_labels(samples, classes), *_depth(samples))
    return sorted(findings, key=lambda finding: not finding.serious)


def find_copies(splits: Mapping[str, Sequence[SampleFacts]]) -> list[Finding]:
    """Find equal images in different files, within a split or in two splits.

    One file in two splits is not a copy. It is reported by
    :func:`depthda.engine.checks.data_check.data_warnings`.
    """
    files: dict[str, dict[bytes, set[str]]] = {}
    findings = []
    for name in sorted(splits, key=lambda name: name != 'train'):
        read = (sample for sample in splits[name] if sample.digest is not None)
        own = group_equal((os.path.realpath(sample.path), sample.digest) for sample in read)
        equal = [sorted(paths) for paths in own.values() if len(paths) > 1]
        copies = {'one another': [(path, paths[0]) for paths in equal for path in paths[1:]]}
        for other, first in files.items():
            copies['training images' if other == 'train' else f'{other} images'] = sorted(
                (path, min(first[key]))
                for key in own.keys() & first
                for path in own[key] - first[key]
            )
        files[name], total = own, sum(map(len, own.values()))
        for originals, pairs in copies.items():
            if pairs:
                number = many(len(pairs), 'copy', 'copies')
                text = f'{number} of {originals} among {many(total, "image")}'
                shown = few(f'{copy} = {original}' for copy, original in pairs)
                fix = 'remove them from one of the two splits'
                if originals == 'one another':
                    fix = 'keep one file of each image'
                serious = len(pairs) > _FEW * total
                findings.append(Finding(serious, f'{name}: {text} ({shown}): {fix}'))
    return sorted(findings, key=lambda finding: not finding.serious)


def _images_and_labels(samples: Sequence[SampleFacts], classes: Sequence[str]) -> Iterator[Finding]:
    if broken := [sample for sample in samples if sample.fault]:
        path, fault = broken[0].path, broken[0].fault
        first = fault if path in fault else f'{path}: {fault}'
        yield Finding(True, f'{many(len(broken), "sample")} cannot be used: {first}')
    counted = [sample for sample in samples if sample.codes is not None]
    converted = (describe_converted_mask(sample.label_path, sample.codes) for sample in counted)
    if text := next(filter(None, converted), None):
        yield Finding(True, text)
    elif counted and (text := describe_shifted_masks(sum(sample.codes for sample in counted))):
        yield Finding(False, text)
    labelled = [sample for sample in samples if sample.pixels is not None]
    if not labelled:
        return
    if wrong := [sample for sample in labelled if sample.unknown]:
        values = sorted({value for sample in wrong for value in sample.unknown})
        text = f'{many(len(wrong), "label map")} with values that are not classes'
        shown = f'{", ".join(map(str, values[:5]))}; first image {wrong[0].path}'
        yield Finding(True, f'{text} ({shown}): check reduce_zero_label')
    pixels = sum(sample.pixels for sample in labelled)
    if not pixels.sum():
        yield Finding(True, 'no pixel of the dataset belongs to a class')
        return
    if absent := [name for name, count in zip(classes, pixels, strict=True) if not count]:
        yield Finding(False, f'classes without any pixel: {", ".join(absent)}')
    if empty := [sample for sample in labelled if not sample.pixels.sum()]:
        text = f'{many(len(empty), "label map")} without any class'
        yield Finding(False, f'{text} (first image {empty[0].path})')


def _depth(samples: Sequence[SampleFacts]) -> Iterator[Finding]:
    maps = [sample for sample in samples if sample.depth is not None]
    for name, useless in (
        ('empty', [sample for sample in maps if not sample.depth.valid]),
        ('constant', [s for s in maps if s.depth.valid and not s.depth.spread > 1e-4]),
        ('almost empty (at most 255 of 65,535)', [s for s in maps if 0 < s.depth.high <= FAINT]),
    ):
        if useless:
            text = f'{many(len(useless), f"{name} depth map")} (first image {useless[0].path})'
            yield Finding(len(useless) > _FEW * len(maps), text)
    raised = [sample.depth.raised for sample in maps if sample.depth.raised is not None]
    if len(raised) >= _ENOUGH and (mean := float(np.mean(raised))) < _INVERTED:
        yield Finding(
            True,
            f'depth may be inverted: in {len(raised)} images, buildings and trees are on average '
            f'{-mean:.2f} standard deviations lower than the other classes, but larger values must '
            'mean higher',
        )
