"""Mixed precision without a gradient scaler, on CUDA and on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where that is safe; keep weights and optimiser in fp32.

    bfloat16 has the range of fp32, so no loss is scaled. For a GPU without it (before Ampere),
    mmengine's ``AmpOptimWrapper`` with ``dtype='float16'`` is the one to name in the config.
    """

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield
