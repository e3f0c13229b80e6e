"""Access the heads of a segmentor, and weight their pixel losses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn


def heads(segmentor: nn.Module) -> dict[str, nn.Module]:
    """Return the heads by name; auxiliary heads are numbered if there are several.

    The copies of a ``TwinHead`` follow it, as ``decode_head.0`` and ``decode_head.1``.
    """
    heads_by_name = {'decode_head': segmentor.decode_head}
    if segmentor.with_auxiliary_head:
        auxiliary = segmentor.auxiliary_head
        several = isinstance(auxiliary, nn.ModuleList)
        named = enumerate(auxiliary) if several else [('', auxiliary)]
        heads_by_name |= {f'auxiliary_head{number}': head for number, head in named}
    for name, head in tuple(heads_by_name.items()):
        copies = getattr(head, 'copies', ())
        heads_by_name |= {f'{name}.{number}': each for number, each in enumerate(copies)}
    return heads_by_name


class _Weights(NamedTuple):
    """A pixel sampler in the interface of mmseg's heads: it returns the weight of each pixel."""

    weights: Tensor  # (N, H, W)
    other: Any = None  # the head's own sampler, if it has one

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
