"""Mixed precision without a gradient scaler."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where that is safe; keep weights and optimiser in fp32.

    bfloat16 has the range of fp32, so no loss is scaled. For a GPU without it (before Ampere),
    mmengine's ``AmpOptimWrapper`` with ``dtype='float16'`` is the one to name in the config.

    Args:
        devices: Kinds of device on which to do so. Most processors only emulate bfloat16, ten and
            more times slower than fp32, so ``'cpu'`` is not among them unless it is asked for.
        **kwargs: As for ``OptimWrapper``.
    """

    def __init__(self, devices: Sequence[str] = ('cuda',), **kwargs) -> None:
        super().__init__(**kwargs)
        self.devices = tuple(devices)
        device = self._device()
        if device not in self.devices:
            print_log(f'training in fp32: no mixed precision on {device}', logger='current')

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        device = self._device()
        autocast = torch.autocast(device, torch.bfloat16, enabled=device in self.devices)
        with super().optim_context(model), autocast:
            yield

    def _device(self) -> str:
        return self.optimizer.param_groups[0]['params'][0].device.type
