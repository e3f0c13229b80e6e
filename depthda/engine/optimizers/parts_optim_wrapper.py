"""Build one optimiser for each part of a model, as adversarial training needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import unwrapped


class JointOptimWrapper(OptimWrapperDict):
    """The optimisers of the parts of a model whose losses are summed.

    The wrapper works in mmengine's own training step, even if the model is distributed.
    """

    def __init__(self, **wrappers) -> None:
        super().__init__(**wrappers)
        if any(hasattr(wrapper, 'loss_scaler') for wrapper in wrappers.values()):
            raise UserError(
                'optimisers that share one backward pass cannot each scale the loss: use '
                'AutocastOptimWrapper with bfloat16 instead of AmpOptimWrapper.'
            )

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the context of the first optimiser: precision, and exchange of gradients."""
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


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PartsOptimWrapperConstructor:
    """Build an ``OptimWrapperDict`` of the parts that a model names.

    ``model.parts`` maps the name of each part to the names of its modules. The config has one
    optimiser under each of these names. Its other keys (``type``, ``clip_grad``, …) are defaults of
    all parts, so that ``--amp`` changes every part:

    .. code-block:: python

        optim_wrapper = dict(
            constructor='PartsOptimWrapperConstructor',
            type='OptimWrapper',
            generators=dict(optimizer=dict(type='Adam', lr=5e-4, betas=(0.5, 0.999))),
            critics=dict(optimizer=dict(type='RMSprop', lr=5e-4)),
        )

    If ``sums_losses`` of the model is True, all optimisers step after one backward pass.

    The config of a part is a complete ``optim_wrapper``, which may have its own ``paramwise_cfg``.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        if paramwise_cfg:
            raise UserError(
                'optim_wrapper.paramwise_cfg has no effect with PartsOptimWrapperConstructor: move '
                'it to the part that it is meant for.'
            )
        self.config = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        model = unwrapped(model)
        parts = getattr(model, 'parts', None)
        if parts is None:
            raise UserError(
                f'{type(model).__name__} has no parts to optimise separately: leave '
                'PartsOptimWrapperConstructor out of optim_wrapper.'
            )
        dicts = {name: value for name, value in self.config.items() if isinstance(value, dict)}
        configured = {name for name, value in dicts.items() if 'optimizer' in value}
        if configured != set(parts):
            raise UserError(
                f'optim_wrapper has optimisers for {sorted(configured)}, but '
                f'{type(model).__name__} has the parts {sorted(parts)}: set one for each, as in '
                'part=dict(optimizer=...).'
            )
        shared = {name: value for name, value in self.config.items() if name not in parts}
        built = {}
        for part, names in parts.items():
            modules = nn.ModuleDict({name: getattr(model, name) for name in names})
            built[part] = build_optim_wrapper(modules, {**shared, **self.config[part]})
        joint = getattr(model, 'sums_losses', False)
        return JointOptimWrapper(**built) if joint else OptimWrapperDict(**built)
