"""DRDG: translation between two domains, held by residuals, cycles and depth."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.losses import least_squares, wasserstein

_ADVERSARIAL = {'wasserstein': wasserstein, 'least-squares': least_squares}


class DomainBatch(NamedTuple):
    """Images (N, B, H, W) of one domain, and their depth (N, 1, H, W), NaN where there is none."""

    image: Tensor
    depth: Tensor | None

    @property
    def size(self) -> tuple[int, int]:
        return tuple(self.image.shape[2:])


@MODELS.register_module()
class DRDG(BaseModel):
    r"""Depth-assisted ResiDualGAN: two generators, two critics, eq. (2)–(7).

    .. math:: L = \lambda_{adv} L_{adv} + \lambda_{cyc} L_{cyc} + \lambda_{DSL} L_{DSL}
        + \lambda_{DCCL} L_{DCCL}

    each the sum of both directions. DSL compares the depth that a generator predicts
    of its image with the image's own (BerHu, eq. 5); DCCL compares the depth that the other
    generator predicts of the translated image with that of the image it was made of. Both weights
    0 is ResiDualGAN (RDG), and no depth decoder is built.

    An iteration of the runner updates the critics; each ``n_critic``-th updates the generators
    after them.

    Args:
        generator: Config of both generators.
        critic: Config of both critics.
        adv_weight, cyc_weight, dsl_weight, dccl_weight: The λ of eq. (7). A depth loss of weight
            0 is not computed; the others need depth as the last channel of the images.
        adversarial: ``'wasserstein'``, eq. (2), or ``'least-squares'``, CycleGAN's.
        gp_weight: λ of the gradient penalty in the critics' loss; 0 for none.
        n_critic: Updates of the critics for one of the generators.
        depth_loss: Config of the loss of both depth terms, called with (predicted, target, valid);
            None: ``BerHuLoss``, eq. (5).
        depth_resize: How depth is brought to another size, for DCCL; a resized value that a place
            without depth has part in is none.
        target_size: (height, width) of translated images where there is no target image to take
            it from.
    """

    # What PartsOptimWrapperConstructor gives an optimiser each.
    parts = dict(
        generators=('generator_s2t', 'generator_t2s'),
        critics=('critic_s', 'critic_t'),
    )

    def __init__(
        self,
        generator: ConfigType,
        critic: ConfigType,
        adv_weight: float = 5.0,
        cyc_weight: float = 10.0,
        dsl_weight: float = 2.0,
        dccl_weight: float = 1.0,
        adversarial: Literal['wasserstein', 'least-squares'] = 'wasserstein',
        gp_weight: float = 1.0,
        n_critic: int = 5,
        depth_loss: ConfigType | None = None,
        depth_resize: Literal['bilinear', 'nearest'] = 'bilinear',
        target_size: tuple[int, int] | None = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor or dict(type='DomainPairPreprocessor'), init_cfg)
        if n_critic < 1:
            raise UserError(f'DRDG: n_critic={n_critic}: give 1 or more.')
        if adversarial not in _ADVERSARIAL:
            raise UserError(
                f'DRDG: adversarial is one of {sorted(_ADVERSARIAL)}, not {adversarial!r}.'
            )
        if depth_resize not in ('bilinear', 'nearest'):
            raise UserError(f"DRDG: depth_resize is 'bilinear' or 'nearest', not {depth_resize!r}.")
        if not (dsl_weight or dccl_weight):
            generator = {**generator, 'depth_decoder': None}
        elif generator.get('depth_decoder', '') is None:
            raise UserError(
                'DRDG: its generators have depth_decoder=None, but a depth loss has a weight: give '
                'them one, or set dsl_weight=0 and dccl_weight=0.'
            )
        self.generator_s2t = MODELS.build(generator)
        self.generator_t2s = MODELS.build(generator)
        self.critic_s = MODELS.build(critic)
        self.critic_t = MODELS.build(critic)
        self.weights = dict(
            loss_adv=adv_weight, loss_cyc=cyc_weight, loss_dsl=dsl_weight, loss_dccl=dccl_weight
        )
        self.adversarial = adversarial
        self.gp_weight = gp_weight
        self.n_critic = n_critic
        self.depth_loss = MODELS.build(depth_loss or dict(type='BerHuLoss'))
        self.depth_resize = depth_resize
        self.target_size = target_size

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """One update of the critics and, in each ``n_critic``-th iteration, of the generators.

        Returns what is logged: :meth:`critic_losses` and, after an update of the generators,
        :meth:`generator_losses`.
        """
        batch = self.domains(self.data_preprocessor(data, True)['inputs'])
        logs = self._update(optim_wrapper['critics'], 'loss_critic', self.critic_losses, *batch)
        # The runner's iteration, so that a resumed run keeps step.
        iteration = MessageHub.get_current_instance().get_info('iter')
        if (iteration + 1) % self.n_critic == 0:
            with _frozen(self.critic_s, self.critic_t):
                logs |= self._update(
                    optim_wrapper['generators'], 'loss', self.generator_losses, *batch
                )
        return logs

    def critic_losses(self, source: DomainBatch, target: DomainBatch) -> dict[str, Tensor]:
        """``loss_critic``, and what it is made of.

        ``distance_s`` and ``distance_t`` are E[D(real)] − E[D(translated)] of the two domains,
        ``gradient_penalty`` is the sum of theirs, without its weight.
        """
        with torch.no_grad():
            fake_t = self.generator_s2t(source.image, target.size).image
            fake_s = self.generator_t2s(target.image, source.size).image
        pairs = dict(
            s=(self.critic_s, source.image, fake_s), t=(self.critic_t, target.image, fake_t)
        )
        adversarial = _ADVERSARIAL[self.adversarial]
        total, logs = 0, {}
        for domain, (critic, real, fake) in pairs.items():
            real_scores, fake_scores = critic(real), critic(fake)
            total = total + adversarial.critic_loss(real_scores, fake_scores)
            logs[f'distance_{domain}'] = -wasserstein.critic_loss(real_scores, fake_scores)
        if self.gp_weight:
            logs['gradient_penalty'] = sum(
                wasserstein.gradient_penalty(*pair) for pair in pairs.values()
            )
            total = total + self.gp_weight * logs['gradient_penalty']
        return dict(loss_critic=total, **logs)

    def generator_losses(self, source: DomainBatch, target: DomainBatch) -> dict[str, Tensor]:
        """``loss``, eq. (7), and its parts before they are weighed.

        The adversarial part of eq. (2) lacks E[D(real)], which is a constant here.
        """
        adversarial = _ADVERSARIAL[self.adversarial]
        supervise, cycle = bool(self.weights['loss_dsl']), bool(self.weights['loss_dccl'])
        there_s = self.generator_s2t(source.image, target.size, depth=supervise)
        there_t = self.generator_t2s(target.image, source.size, depth=supervise)
        # One pass gives the reconstruction and the depth of the translated image.
        back_s = self.generator_t2s(there_s.image, source.size, depth=cycle)
        back_t = self.generator_s2t(there_t.image, target.size, depth=cycle)
        losses = dict(
            loss_adv=adversarial.generator_loss(self.critic_t(there_s.image))
            + adversarial.generator_loss(self.critic_s(there_t.image)),
            loss_cyc=F.l1_loss(back_s.image, source.image) + F.l1_loss(back_t.image, target.image),
        )
        if supervise:
            losses['loss_dsl'] = self._depth_loss(there_s.depth, source) + self._depth_loss(
                there_t.depth, target
            )
        if cycle:
            losses['loss_dccl'] = self._depth_loss(back_s.depth, source) + self._depth_loss(
                back_t.depth, target
            )
        total = sum(self.weights[name] * loss for name, loss in losses.items())
        return dict(loss=total, **losses)

    def forward(
        self, inputs: dict[str, Tensor], data_samples: list | None = None, mode: str = 'tensor'
    ) -> Tensor | list[Tensor]:
        """Translate ``inputs['source']`` to the target's style and size; depth is not looked at.

        ``'tensor'``: as the generator gives them; ``'predict'``: as uint8 images (B, h, w) in the
        order of bands in which they came.
        """
        if mode not in ('tensor', 'predict'):
            raise NotImplementedError(f'DRDG has two optimisers: train_step, not mode={mode!r}')
        size = self.target_size
        if 'target' in inputs:
            size = inputs['target'].shape[2:]
        if size is None:
            raise UserError('DRDG does not know the size to translate to: set model.target_size.')
        images = inputs['source'][:, : self.data_preprocessor.optical_bands]
        translated = self.generator_s2t(images, tuple(size)).image
        return translated if mode == 'tensor' else list(self.data_preprocessor.restore(translated))

    def domains(self, inputs: dict[str, Tensor]) -> tuple[DomainBatch, DomainBatch]:
        """Source and target of a batch: images, and depth if it is learned from."""
        bands = self.data_preprocessor.optical_bands
        wanted = self.weights['loss_dsl'] or self.weights['loss_dccl']
        batches = []
        for domain in ('source', 'target'):
            images = inputs[domain]
            if wanted and images.shape[1] == bands:
                raise UserError(
                    f'DRDG learns from depth, and the {domain} images have none: give the data set '
                    'depth=..., or set model.dsl_weight=0 and model.dccl_weight=0, which is RDG.'
                )
            depth = images[:, bands:] if wanted else None
            batches.append(DomainBatch(images[:, :bands], depth))
        return tuple(batches)

    def _update(self, wrapper: OptimWrapper, key: str, losses, *batch) -> dict[str, Tensor]:
        with wrapper.optim_context(self):
            logs = losses(*batch)
        wrapper.update_params(logs[key])
        return {name: value.detach() for name, value in logs.items()}

    def _depth_loss(self, predicted: Tensor, batch: DomainBatch) -> Tensor:
        depth, valid = resize_depth(batch.depth, tuple(predicted.shape[2:]), self.depth_resize)
        return self.depth_loss(predicted, depth, valid)


def resize_depth(
    depth: Tensor, size: tuple[int, int], mode: Literal['bilinear', 'nearest']
) -> tuple[Tensor, Tensor]:
    """Depth (N, 1, H, W) with NaN for none, at another size, and where it is valid there.

    A value is valid if all that were blended into it are.
    """
    valid = depth.isfinite()
    depth = depth.masked_fill(~valid, 0)
    if tuple(depth.shape[2:]) == tuple(size):
        return depth, valid
    corners = None if mode == 'nearest' else False
    # Of holes, not of valid places: the least part of one is above 0, whatever is rounded.
    both = torch.cat([depth, (~valid).to(depth.dtype)], dim=1)
    depth, holes = F.interpolate(both, size, mode=mode, align_corners=corners).split(1, dim=1)
    return depth, holes == 0


@contextmanager
def _frozen(*modules: nn.Module) -> Iterator[None]:
    """Gradients go through these modules, not into them."""
    trained = [each for part in modules for each in part.parameters() if each.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
