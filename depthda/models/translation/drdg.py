"""DRDG: translation between two domains, constrained by residuals, cycles and depth."""

from collections.abc import Callable, Iterable, Iterator
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
from depthda.models.losses.gan import WassersteinGANLoss, gradient_penalty
from depthda.models.missing_depth import resize_depth
from depthda.models.renamed import accept_moved
from depthda.models.translation.generator import Translation

_WASSERSTEIN = dict(type='WassersteinGANLoss', loss_weight=5.0, gp_weight=1.0)


class DomainBatch(NamedTuple):
    """Images (N, B, H, W) of one domain and their depth (N, 1, H, W), NaN where it is missing."""

    image: Tensor
    depth: Tensor | None

    @property
    def size(self) -> tuple[int, int]:
        return tuple(self.image.shape[2:])


@MODELS.register_module()
class DRDG(BaseModel):
    r"""Depth-assisted ResiDualGAN: two generators and two critics, eq. (2)–(7).

    .. math:: L = \lambda_{adv} L_{adv} + \lambda_{cyc} L_{cyc} + \lambda_{DSL} L_{DSL}
        + \lambda_{DCCL} L_{DCCL}

    Each term is the sum over both directions. The depth supervised loss (DSL, eq. 5) compares the
    depth that a generator predicts for its input image with the depth of that image. The depth
    cycle consistency loss (DCCL) compares the depth that the other generator predicts for the
    translated image with the depth of the original. If both weights are 0, the model is ResiDualGAN
    (RDG) and has no depth decoders.

    Each iteration updates the critics; every ``n_critic``-th also updates the generators.

    Args:
        generator: Config of both generators.
        critic: Config of both critics.
        adversarial: Config of the adversarial loss; its ``loss_weight`` is λ_adv, its ``gp_weight``
            the weight of the gradient penalty in the critics' loss.
        cyc_weight, dsl_weight, dccl_weight: The other λ of eq. (7). If a depth loss has a weight
            above 0, depth must be the last channel of the images.
        n_critic: Updates of the critics per update of the generators.
        depth_loss: Config of the loss for DSL and DCCL, called with (predicted, target, valid);
            None means ``BerHuLoss``, eq. (5).
        depth_resize: How DCCL resizes depth. A resized value is missing if a pixel without depth
            contributed to it.
        target_size: Size (height, width) of translated images if a batch has no target images.
    """

    # PartsOptimWrapperConstructor builds one optimiser for each of these two.
    parts = dict(generators=('generator_s2t', 'generator_t2s'), critics=('critic_s', 'critic_t'))

    @accept_moved
    def __init__(
        self,
        generator: ConfigType,
        critic: ConfigType,
        adversarial: ConfigType = _WASSERSTEIN,
        cyc_weight: float = 10.0,
        dsl_weight: float = 2.0,
        dccl_weight: float = 1.0,
        n_critic: int = 5,
        depth_loss: ConfigType | None = None,
        depth_resize: Literal['bilinear', 'nearest'] = 'bilinear',
        target_size: tuple[int, int] | None = None,
        data_preprocessor: OptConfigType = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor or dict(type='DomainPairPreprocessor'), init_cfg)
        if n_critic < 1:
            raise UserError(f'n_critic={n_critic} of DRDG must be 1 or more.')
        if depth_resize not in ('bilinear', 'nearest'):
            raise UserError(f"depth_resize={depth_resize!r} of DRDG: use 'bilinear' or 'nearest'.")
        if not (dsl_weight or dccl_weight):
            generator = {**generator, 'depth_decoder': None}
        elif generator.get('depth_decoder', '') is None:
            raise UserError(
                'the generators of DRDG have depth_decoder=None, but a depth loss has a weight '
                'above 0: set depth_decoder, or set dsl_weight=0 and dccl_weight=0.'
            )
        self.generator_s2t = MODELS.build(generator)
        self.generator_t2s = MODELS.build(generator)
        self.critic_s = MODELS.build(critic)
        self.critic_t = MODELS.build(critic)
        self.adversarial = MODELS.build(adversarial)
        self.weights = dict(loss_adv=self.adversarial.loss_weight, loss_cyc=cyc_weight)
        self.weights |= dict(loss_dsl=dsl_weight, loss_dccl=dccl_weight)
        self.n_critic = n_critic
        self.depth_loss = MODELS.build(depth_loss or dict(type='BerHuLoss'))
        self.depth_resize = depth_resize
        self.target_size = target_size

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the critics and, in every ``n_critic``-th iteration, the generators.

        The values to log are those of :meth:`critic_losses` and :meth:`generator_losses`.
        """
        batch = self.domains(self.data_preprocessor(data, True)['inputs'])
        logs = self._update(optim_wrapper['critics'], 'loss_critic', self.critic_losses, *batch)
        # Use the runner's count of iterations, which continues when a run is resumed.
        iteration = MessageHub.get_current_instance().get_info('iter')
        if (iteration + 1) % self.n_critic == 0:
            with _frozen(self.critic_s, self.critic_t):
                wrapper = optim_wrapper['generators']
                logs |= self._update(wrapper, 'loss', self.generator_losses, *batch)
        return logs

    def critic_losses(self, source: DomainBatch, target: DomainBatch) -> dict[str, Tensor]:
        """Compute ``loss_critic`` and values to log.

        ``distance_s`` and ``distance_t`` are E[D(real)] − E[D(translated)] in the two domains;
        ``gradient_penalty`` is the unweighted sum over the domains.
        """
        fake_source, fake_target = self.fakes(source, target)
        pairs = dict(
            s=(self.critic_s, source.image, fake_source),
            t=(self.critic_t, target.image, fake_target),
        )
        total, logs = 0, {}
        for domain, (critic, real, fake) in pairs.items():
            real_scores, fake_scores = critic(real), critic(fake)
            total = total + self.adversarial.critic(real_scores, fake_scores)
            logs[f'distance_{domain}'] = -WassersteinGANLoss.critic(real_scores, fake_scores)
        if self.adversarial.gp_weight:
            logs['gradient_penalty'] = sum(gradient_penalty(*pair) for pair in pairs.values())
            total = total + self.adversarial.gp_weight * logs['gradient_penalty']
        return dict(loss_critic=total, **logs)

    @torch.no_grad()
    def fakes(self, source: DomainBatch, target: DomainBatch) -> tuple[Tensor, Tensor]:
        """Return translations in the styles of the source and of the target, for the critics."""
        fake_target = self.generator_s2t(source.image, target.size).image
        return self.generator_t2s(target.image, source.size).image, fake_target

    def generator_losses(self, source: DomainBatch, target: DomainBatch) -> dict[str, Tensor]:
        """Compute ``loss``, eq. (7), and its unweighted parts.

        The adversarial part leaves out E[D(real)] of eq. (2), which generators do not change.
        """
        supervise, cycle = bool(self.weights['loss_dsl']), bool(self.weights['loss_dccl'])
        translated_source = self.generator_s2t(source.image, target.size, depth=supervise)
        translated_target = self.generator_t2s(target.image, source.size, depth=supervise)
        # One pass returns both the reconstruction and the depth of the translated image.
        cycled_source = self.generator_t2s(translated_source.image, source.size, depth=cycle)
        cycled_target = self.generator_s2t(translated_target.image, target.size, depth=cycle)
        losses = dict(
            loss_adv=self.adversarial.generator(self.critic_t(translated_source.image))
            + self.adversarial.generator(self.critic_s(translated_target.image)),
            loss_cyc=F.l1_loss(cycled_source.image, source.image)
            + F.l1_loss(cycled_target.image, target.image),
        )
        pair = source, target
        if supervise:
            losses['loss_dsl'] = self._compare_depth(pair, (translated_source, translated_target))
        if cycle:
            losses['loss_dccl'] = self._compare_depth(pair, (cycled_source, cycled_target))
        total = sum(self.weights[name] * loss for name, loss in losses.items())
        return dict(loss=total, **losses)

    def forward(
        self, inputs: dict[str, Tensor], data_samples: list | None = None, mode: str = 'tensor'
    ) -> Tensor | list[Tensor]:
        """Translate ``inputs['source']`` to the target's style and size; depth is ignored.

        Mode ``'tensor'`` returns the generator's output, ``'predict'`` a list of uint8 images
        (B, h, w) with bands in the order of the input.
        """
        if mode not in ('tensor', 'predict'):
            raise NotImplementedError(f'DRDG has two optimisers: use train_step, not mode={mode!r}')
        size = inputs['target'].shape[2:] if 'target' in inputs else self.target_size
        if size is None:
            raise UserError(
                'DRDG needs the size of translated images to translate without target images: set '
                'model.target_size.'
            )
        images = inputs['source'][:, : self.data_preprocessor.optical_bands]
        translated = self.generator_s2t(images, tuple(size)).image
        return translated if mode == 'tensor' else list(self.data_preprocessor.restore(translated))

    def domains(self, inputs: dict[str, Tensor]) -> tuple[DomainBatch, DomainBatch]:
        """Split source and target batches into images and, if a loss needs it, depth."""
        bands = self.data_preprocessor.optical_bands
        needs_depth = self.weights['loss_dsl'] or self.weights['loss_dccl']
        batches = []
        for domain in ('source', 'target'):
            images = inputs[domain]
            if needs_depth and images.shape[1] == bands:
                raise UserError(
                    f'DRDG learns from depth, but the {domain} images have none: set depth=... of '
                    'the dataset, or model.dsl_weight=0 and model.dccl_weight=0, which is RDG.'
                )
            depth = images[:, bands:] if needs_depth else None
            batches.append(DomainBatch(images[:, :bands], depth))
        return tuple(batches)

    def _update(
        self, wrapper: OptimWrapper, key: str, losses: Callable[..., dict], *batch: DomainBatch
    ) -> dict[str, Tensor]:
        """Minimise the loss under ``key``, and return all values of ``losses`` for the log."""
        with wrapper.optim_context(self):
            logs = losses(*batch)
        wrapper.update_params(logs[key])
        return {name: value.detach() for name, value in logs.items()}

    def _compare_depth(
        self, pair: Iterable[DomainBatch], translations: Iterable[Translation]
    ) -> Tensor:
        """Compare predicted depth with the depth of the originals; sum over both domains."""
        total = 0
        for batch, (_, predicted) in zip(pair, translations, strict=True):
            depth, valid = resize_depth(batch.depth, tuple(predicted.shape[2:]), self.depth_resize)
            total = total + self.depth_loss(predicted, depth, valid)
        return total


@contextmanager
def _frozen(*modules: nn.Module) -> Iterator[None]:
    """Let gradients flow through these modules without computing those of their parameters."""
    trained = [p for module in modules for p in module.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
