"""A context in which CUDA tensors are fake: they have a shape and a type, but no values."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

_attention = F.scaled_dot_product_attention


@contextmanager
def fake_cuda() -> Iterator[FakeTensorMode]:
    """Yield the mode in which ``device='cuda'`` creates fake tensors.

    Real CPU tensors become fake when they are used. With a CPU build of PyTorch,
    :func:`depthda.cost.stubs.load_stubs` must have been called.
    """
    with ExitStack() as stack:
        for target, value in {
            'torch.cuda.amp.common.amp_definitely_not_available': lambda: False,
            'torch.cuda.is_bf16_supported': lambda *args, **kwargs: True,
            'torch.nn.functional.scaled_dot_product_attention': _flash_attention,
        }.items():
            stack.enter_context(patch(target, value))
        yield FakeTensorMode(allow_non_fake_inputs=True)


def _flash_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask=None, dropout_p=0.0, is_causal=False,
    scale=None, **options,
) -> Tensor:  # fmt: skip
    """Compute attention as a GPU does in half precision; a CPU build would write it out."""
    if query.dtype == torch.float32 or attn_mask is not None:
        options |= dict(attn_mask=attn_mask, dropout_p=dropout_p, is_causal=is_causal, scale=scale)
        return _attention(query, key, value, **options)
    flash = torch.ops.aten._scaled_dot_product_flash_attention
    return flash(query, key, value, dropout_p, is_causal, False, scale=scale)[0]
