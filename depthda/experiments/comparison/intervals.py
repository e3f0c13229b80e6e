"""Intervals for the difference between two models: over seeds (t), and over tiles (bootstrap)."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

_LEVEL = 0.95
_CHUNK = 256  # resamples at a time; memory grows with this number times the number of blocks


def t_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the mean of ``values`` and its two-sided t interval; one value has no interval."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    # scipy.stats.t.ppf calls this function; importing scipy.stats takes three times as long.
    quantile = float(stdtrit(len(values) - 1, (1 + _LEVEL) / 2))
    half = quantile * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return mean, mean - half, mean + half


def iou(counts: np.ndarray) -> np.ndarray:
    """Return mIoU and the IoU of each class in per cent, ``[..., 1 + C]``.

    ``counts`` are confusion matrices ``[..., C + 1, C]``; the last row counts ignored pixels. As in
    :func:`depthda.evaluation.confusion.scores`, a class that is neither in the labels nor in the
    prediction has no IoU (NaN) and is left out of the mean.
    """
    return _iou(_hits_and_union(counts))


def _hits_and_union(counts: np.ndarray) -> np.ndarray:
    """Reduce counts to hits and union, ``[..., 2, C]``, which can be summed before taking IoU."""
    matrix = counts[..., :-1, :]
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    # Counts below 2**53 stay exact in floating point.
    return np.stack([hits, matrix.sum(-1) + matrix.sum(-2) - hits], -2).astype(float)


def _iou(hits_and_union: np.ndarray) -> np.ndarray:
    hits, union = hits_and_union[..., 0, :], hits_and_union[..., 1, :]
    per_class = 100 * np.divide(hits, union, out=np.full(hits.shape, np.nan), where=union > 0)
    return np.concatenate([mean_of_defined(per_class, -1)[..., None], per_class], -1)


def mean_of_defined(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of the values that are not NaN; NaN if there is no such value."""
    return np.ma.filled(np.ma.masked_invalid(values).mean(axis), np.nan)


def independent_units(worlds: Sequence[Hashable]) -> list[list[int]]:
    """Return the indices of the pairs, grouped by world; with a single world, each on its own.

    Seeds of one world share its test images, so only worlds are independent of each other.
    """
    if len(set(worlds)) == 1:
        return [[i] for i in range(len(worlds))]
    return [[i for i, w in enumerate(worlds) if w == name] for name in dict.fromkeys(worlds)]


@dataclass(frozen=True)
class World:
    """The pixel counts of paired runs (seeds) of two sides on the same test images."""

    first: np.ndarray  # [S, N, C + 1, C]: S runs on N images
    second: np.ndarray  # the same for the other side; its run i is paired with run i of ``first``
    blocks: np.ndarray  # [N], block number of each image; the images of a block are drawn together

    @property
    def block_count(self) -> int:
        """The number of blocks with labels; the bootstrap draws only these."""
        return labelled_blocks(self.first, self.blocks).shape[1]


def difference(worlds: Sequence[World]) -> np.ndarray:
    """Return ``second`` minus ``first`` for mIoU and each IoU, ``[1 + C]``; the mean of worlds."""
    gains = [mean_of_defined(iou(w.second.sum(1)) - iou(w.first.sum(1)), 0) for w in worlds]
    return mean_of_defined(np.stack(gains), 0)


def bootstrap(worlds: Sequence[World], resamples: int, seed: int) -> np.ndarray:
    """Return :func:`difference` for resampled test sets (with replacement), ``[resamples, 1 + C]``.

    Both sides and all runs of a world use the same resample. Worlds have different images, so each
    draws its own. The IoU of a resample comes from its summed counts, not from a mean over images.
    Images without a labelled pixel are not drawn.
    """
    streams = np.random.default_rng(seed).spawn(len(worlds))
    draws = [_world_draws(w, resamples, rng) for w, rng in zip(worlds, streams, strict=True)]
    means = [mean_of_defined(np.stack(chunk), 0) for chunk in zip(*draws, strict=True)]
    return np.concatenate(means)


def _world_draws(world: World, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    blocks = [labelled_blocks(side, world.blocks) for side in (world.first, world.second)]
    sides = [_hits_and_union(counts) for counts in blocks]
    flat = [side.reshape(*side.shape[:2], -1) for side in sides]
    for weights in resample_weights(sides[0].shape[1], resamples, rng):
        summed = [(weights @ side).reshape(len(side), len(weights), 2, -1) for side in flat]
        yield mean_of_defined(_iou(summed[1]) - _iou(summed[0]), 0)


def labelled_blocks(counts: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Sum ``[S, N, C + 1, C]`` over the images of each block; leave out blocks without a label."""
    # Labels are the same for all runs, so the first run is enough.
    labelled = counts[0, :, :-1].any((1, 2))
    names, rows = np.unique(blocks[labelled], return_inverse=True)
    summed = np.zeros((len(counts), len(names), *counts.shape[2:]), counts.dtype)
    np.add.at(summed, (slice(None), rows), counts[:, labelled])
    return summed


def resample_weights(blocks: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each resample draws each block, ``[resamples, blocks]``, 256 rows at a time.

    Each row sums to the number of blocks.
    """
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        drawn = rng.integers(blocks, size=(rows, blocks)) + blocks * np.arange(rows)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=rows * blocks)
        yield counted.reshape(rows, blocks).astype(float)


def percentile_interval(values: np.ndarray) -> tuple[float, float] | tuple[None, None]:
    """Return the limits of the middle 95 % of the finite values; None, None if there are none."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None, None
    low, high = np.quantile(defined, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)
