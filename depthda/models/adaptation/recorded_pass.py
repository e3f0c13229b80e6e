"""Record what a segmentor computes on its way to a loss: features and logits."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from depthda.models.adaptation.heads import heads


class RecordedPass:
    """Features and logits of one pass of images through a segmentor, with gradients.

    Attributes:
        encoded: What the encoder returns.
        fused: What the heads read; the same as ``encoded`` if there is no neck.
        logits: The logits of each head, by the name of the head. A head of two copies has the
            logits of both, ``decode_head.0`` and ``decode_head.1``, and those of their prediction.
    """

    encoded: Any = None
    fused: Any = None

    def __init__(self) -> None:
        self.logits: dict[str, Tensor] = {}


@contextmanager
def recorded_pass(segmentor: nn.Module, encoded: Any = None) -> Iterator[RecordedPass]:
    """Record the next pass; if ``encoded`` is given, the encoder returns it and computes nothing.

    The logits are complete at the end of the ``with`` block.
    """
    record = RecordedPass()
    with ExitStack() as stack:
        if encoded is not None:
            stack.enter_context(_replaced(segmentor.backbone, 'forward', lambda images: encoded))
        stack.enter_context(_kept(segmentor.backbone, record, 'encoded'))
        # Without a neck, the encoder's features are also what the heads read.
        last = segmentor.neck if segmentor.with_neck else segmentor.backbone
        stack.enter_context(_kept(last, record, 'fused'))
        single = {name: head for name, head in heads(segmentor).items() if not _is_twin(head)}
        for name, head in single.items():
            stack.enter_context(_kept_logits(head, record.logits, name))
        yield record
    for name, head in heads(segmentor).items():
        if _is_twin(head):
            record.logits[name] = head.join(*(record.logits[f'{name}.{copy}'] for copy in (0, 1)))


def _is_twin(head: nn.Module) -> bool:
    return hasattr(head, 'copies')


def _kept(module: nn.Module, record: RecordedPass, name: str) -> Any:
    return module.register_forward_hook(lambda module, given, result: setattr(record, name, result))


@contextmanager
def _kept_logits(head: nn.Module, logits: dict[str, Tensor], name: str) -> Iterator[None]:
    # Forward hooks would not run, because mmseg's losses call ``forward`` directly. A refined head
    # returns its final logits from refine().
    method = 'refine' if hasattr(head, 'refine') else 'forward'
    original = getattr(head, method)

    def keep(*args, **kwargs):
        logits[name] = original(*args, **kwargs)
        return logits[name]

    with _replaced(head, method, keep):
        yield


@contextmanager
def _replaced(module: nn.Module, method: str, function: Any) -> Iterator[None]:
    setattr(module, method, function)
    try:
        yield
    finally:
        delattr(module, method)
