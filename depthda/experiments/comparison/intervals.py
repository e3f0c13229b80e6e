"""Intervals for the difference of two models: over seeds (t), over tiles (bootstrap)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_CHUNK = 256  # resamples at a time: what is in memory is this times the blocks


def t_quantile(probability: float, freedom: int) -> float:
    """The quantile of Student's t with a whole number of degrees of freedom.

    The distribution is a finite sum then (Abramowitz and Stegun, 26.7.3 and 26.7.4), inverted here
    by bisection of the angle ``atan(t / sqrt(freedom))``.
    """
    if freedom < 1 or not 0 < probability < 1:
        raise ValueError(f'no quantile {probability} of t with {freedom} degrees of freedom')
    low, high = -math.pi / 2, math.pi / 2
    for _ in range(100):
        angle = (low + high) / 2
        if 0.5 + _central(angle, freedom) / 2 < probability:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _central(angle: float, freedom: int) -> float:
    """The probability of ``|t| < sqrt(freedom) tan(angle)``, with the sign of ``angle``."""
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1, freedom // 2 + 1):
        total += term
        # cos³ · 2/3, cos⁵ · 2·4/(3·5), …  or  cos² · 1/2, cos⁴ · 1·3/(2·4), …
        term *= math.cos(angle) ** 2 * ((2 * k) / (2 * k + 1) if odd else (2 * k - 1) / (2 * k))
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total


def t_interval(
    values: Sequence[float], level: float = 0.95
) -> tuple[float, float | None, float | None]:
    """The mean of ``values`` and its two-sided t interval, which one value alone does not have."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    half = t_quantile((1 + level) / 2, len(values) - 1) * _standard_error(values)
    return mean, mean - half, mean + half


def _standard_error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def iou(counts: np.ndarray) -> np.ndarray:
    """mIoU, then the IoU of each class, in per cent: ``[..., C + 1, C]`` to ``[..., 1 + C]``.

    As :func:`depthda.evaluation.confusion.scores` has them: a class that is neither in the truth
    nor in the prediction has no IoU (NaN) and takes no part in the mean.
    """
    return _iou(_parts(counts))


def _parts(counts: np.ndarray) -> np.ndarray:
    """All of the counts that IoU asks for, and still additive: hits and union, ``[..., 2, C]``."""
    matrix = counts[..., :-1, :]
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    # Below 2**53 these sums are exact in floating point too.
    return np.stack([hits, matrix.sum(-1) + matrix.sum(-2) - hits], -2).astype(float)


def _iou(parts: np.ndarray) -> np.ndarray:
    hits, union = parts[..., 0, :], parts[..., 1, :]
    per_class = 100 * np.divide(hits, union, out=np.full(hits.shape, np.nan), where=union > 0)
    return np.concatenate([mean_of_defined(per_class, -1)[..., None], per_class], -1)


def mean_of_defined(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is not NaN; NaN where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis)
    total = np.where(defined, values, 0).sum(axis)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


@dataclass(frozen=True)
class World:
    """The runs of two sides on the same test images.

    Attributes:
        first: ``[S, N, C + 1, C]`` pixel counts of one side, S runs (seeds) on N images.
        second: the other side's, run by run the pair of ``first``.
        blocks: ``[N]``, which block an image is of: blocks are drawn as a whole.
    """

    first: np.ndarray
    second: np.ndarray
    blocks: np.ndarray


def difference(worlds: Sequence[World]) -> np.ndarray:
    """``second`` less ``first``: mIoU and per class, ``[1 + C]``; worlds weigh the same."""
    per_world = [
        mean_of_defined(iou(world.second.sum(1)) - iou(world.first.sum(1)), 0) for world in worlds
    ]
    return mean_of_defined(np.stack(per_world), 0)


def bootstrap(worlds: Sequence[World], resamples: int, seed: int) -> np.ndarray:
    """:func:`difference` for test sets drawn anew with replacement, ``[resamples, 1 + C]``.

    One resample is the same for both sides and for all runs of a world; the worlds, whose images
    are not the same, are drawn apart. A resample's IoU comes from its summed counts, not from a
    mean over images. An image without a labelled pixel plays no part.
    """
    streams = np.random.default_rng(seed).spawn(len(worlds))
    draws = [_world_draws(w, resamples, rng) for w, rng in zip(worlds, streams, strict=True)]
    return np.concatenate([mean_of_defined(np.stack(each), 0) for each in zip(*draws, strict=True)])


def _world_draws(world: World, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    sides = [_parts(labelled_blocks(side, world.blocks)) for side in (world.first, world.second)]
    flat = [side.reshape(*side.shape[:2], -1) for side in sides]
    for weights in resample_weights(sides[0].shape[1], resamples, rng):
        first, second = (
            _iou((weights @ side).reshape(len(side), len(weights), 2, -1)) for side in flat
        )
        yield mean_of_defined(second - first, 0)


def labelled_blocks(counts: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Sum ``[S, N, C + 1, C]`` over the images of each block, blocks without a label left out."""
    # The truth is the same for all runs.
    labelled = counts[0, :, :-1].any((1, 2))
    names, place = np.unique(blocks[labelled], return_inverse=True)
    summed = np.zeros((len(counts), len(names), *counts.shape[2:]), counts.dtype)
    np.add.at(summed, (slice(None), place), counts[:, labelled])
    return summed


def resample_weights(blocks: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each block is drawn, ``[at most 256, blocks]`` at a time; a row sums to blocks."""
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        drawn = rng.integers(blocks, size=(rows, blocks)) + blocks * np.arange(rows)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=rows * blocks)
        yield counted.reshape(rows, blocks).astype(float)


def percentile_interval(
    values: np.ndarray, level: float = 0.95
) -> tuple[float, float] | tuple[None, None]:
    """The middle ``level`` of the values that are defined, if any is."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return None, None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
