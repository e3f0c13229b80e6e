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

    bfloat16 has the range of fp32, so no loss is scaled. For a GPU without bfloat16 (before
    Ampere), name mmengine's ``AmpOptimWrapper`` with ``dtype='float16'`` in the config.

    Args:
        devices: Device types with mixed precision. ``'cpu'`` is not among them by default, because
            most processors emulate bfloat16, at least ten times slower than fp32.
        **kwargs: As for ``OptimWrapper``.
    """

    def __init__(self, devices: Sequence[str] = ('cuda',), **kwargs) -> None:
        super().__init__(**kwargs)
        self.devices = tuple(devices)
        if not self.is_active:
            print_log(f'training in fp32: no mixed precision on {self._device()}', logger='current')

    @property
    def is_active(self) -> bool:
        """Whether the device of the weights computes in mixed precision."""
        return self._device() in self.devices

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        autocast = torch.autocast(self._device(), torch.bfloat16, enabled=self.is_active)
        with super().optim_context(model), autocast:
            yield

    def _device(self) -> str:
        return self.optimizer.param_groups[0]['params'][0].device.type
