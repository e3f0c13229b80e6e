"""Weigh the pixels of a segmentor's losses, which mmseg's heads do not take as an argument."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn


class _Weights(NamedTuple):
    """A pixel sampler as mmseg's heads call it: it returns the weight of each pixel."""

    weights: Tensor  # (N, H, W)
    other: Any = None  # the sampler of the head, if it has one

    def sample(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.other is None:
            return self.weights
        return self.weights * self.other.sample(logits, labels)


@contextmanager
def pixel_weights(segmentor: nn.Module, weights: Tensor) -> Iterator[None]:
    """Multiply the loss of each pixel in all heads of ``segmentor`` by ``weights`` (N, H, W)."""
    heads = [part for part in segmentor.modules() if hasattr(part, 'sampler')]
    samplers = [head.sampler for head in heads]
    try:
        for head, sampler in zip(heads, samplers, strict=True):
            head.sampler = _Weights(weights, sampler)
        yield
    finally:
        for head, sampler in zip(heads, samplers, strict=True):
            head.sampler = sampler
