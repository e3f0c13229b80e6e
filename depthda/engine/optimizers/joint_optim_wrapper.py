"""Several optimisers that step after one backward pass."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from depthda.errors import UserError


class JointOptimWrapper(OptimWrapperDict):
    """The optimisers of the parts of a model whose losses are summed.

    It works in mmengine's own training step, also when the model is distributed.
    """

    def __init__(self, **wrappers) -> None:
        super().__init__(**wrappers)
        if any(hasattr(wrapper, 'loss_scaler') for wrapper in wrappers.values()):
            raise UserError(
                'optimisers that share one backward pass cannot scale the loss one by one: use '
                'AutocastOptimWrapper with bfloat16 instead of AmpOptimWrapper.'
            )

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the context of the first optimiser: precision, and gradients of other processes."""
        with next(iter(self.optim_wrappers.values())).optim_context(model):
            yield

    def update_params(self, loss: Tensor, step_kwargs=None, zero_kwargs=None) -> None:
        """Compute all gradients at once, then step each optimiser."""
        first, *others = self.optim_wrappers.values()
        first.backward(first.scale_loss(loss))
        for wrapper in others:
            wrapper._inner_count += 1
        for wrapper in (first, *others):
            if wrapper.should_update():
                wrapper.step(**(step_kwargs or {}))
                wrapper.zero_grad(**(zero_kwargs or {}))
