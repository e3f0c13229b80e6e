"""Mixed precision without a gradient scaler."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from depthda.engine.optimizers.half_weights import HalfWeights


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where that is safe; keep weights and optimiser in fp32.

    bfloat16 has the range of fp32, so no loss is scaled. For a GPU without bfloat16 (before
    Ampere), name mmengine's ``AmpOptimWrapper`` with ``dtype='float16'`` in the config.

    Args:
        devices: Device types with mixed precision. ``'cpu'`` is not among them by default, because
            most processors emulate bfloat16, at least ten times slower than fp32.
        cast_together: Cast all weights of a segmentor's layers in one operation, and all their
            gradients in another. The results are those of autocast, which casts one tensor at a
            time. Set it to False for a network that switches autocast off around a layer.
        half_parts: Names of modules that compute in bfloat16 throughout, such as ``'backbone'``.
            They take less time and memory, but round more often than with autocast: see
            :class:`~depthda.engine.optimizers.half_weights.HalfWeights`.
        **kwargs: As for ``OptimWrapper``.
    """

    def __init__(
        self,
        devices: Sequence[str] = ('cuda',),
        cast_together: bool = True,
        half_parts: Sequence[str] = (),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.devices = tuple(devices)
        self.half_weights = HalfWeights(half_parts) if cast_together or half_parts else None
        if not self.is_active:
            print_log(f'training in fp32: no mixed precision on {self._device()}', logger='current')

    @property
    def is_active(self) -> bool:
        """Whether the device of the weights computes in mixed precision."""
        return self._device() in self.devices

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        autocast = torch.autocast(self._device(), torch.bfloat16, enabled=self.is_active)
        is_halved = self.is_active and self.half_weights is not None
        weights = self.half_weights.used_by(model) if is_halved else nullcontext()
        with super().optim_context(model), autocast, weights:
            yield

    def _device(self) -> str:
        return self.optimizer.param_groups[0]['params'][0].device.type
