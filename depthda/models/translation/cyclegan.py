"""CycleGAN: translation between two domains, constrained by cycles alone."""

from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.models.tensors import resized
from depthda.models.translation.drdg import DRDG, DomainBatch
from depthda.models.translation.image_pool import ImagePool


@MODELS.register_module()
class CycleGAN(DRDG):
    r"""Two generators F, G and two critics, trained with least squares, cycles and no depth.

    .. math:: L = L_{adv} + \lambda_{cyc} L_{cyc} + \lambda_{idt} L_{idt}, \qquad
        L_{idt} = E \|G(x_T) - x_T\|_1 + E \|F(x_S) - x_S\|_1

    L_adv is the generator's loss of ``LeastSquaresGANLoss``, and L_cyc that of DRDG. G translates
    source images to the target, F the reverse. Each iteration updates the critics, which see the
    translations that an ``ImagePool`` returns, and then the generators. Images of both domains have
    one size: source images are first resized to the size of the target images. Citation:
    J.-Y. Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks", ICCV 2017.

    Args:
        generator: Config of both generators.
        critic: Config of both critics.
        cyc_weight: λ_cyc.
        idt_weight: λ_idt; the paper uses half of λ_cyc for paintings, and 0 otherwise.
        pool_size: Number of images in the pool of each critic.
        **kwargs: ``target_size``, ``data_preprocessor`` and ``init_cfg``, as in DRDG.
    """

    def __init__(
        self,
        generator: ConfigType,
        critic: ConfigType,
        cyc_weight: float = 10.0,
        idt_weight: float = 0.0,
        pool_size: int = 50,
        **kwargs,
    ) -> None:
        least_squares = dict(type='LeastSquaresGANLoss')
        weights = dict(cyc_weight=cyc_weight, dsl_weight=0.0, dccl_weight=0.0)
        super().__init__(generator, critic, least_squares, n_critic=1, **weights, **kwargs)
        self.idt_weight = idt_weight
        self.pools = nn.ModuleList(ImagePool(pool_size) for _ in range(2))

    def domains(self, inputs: dict[str, Tensor]) -> tuple[DomainBatch, DomainBatch]:
        """Return both batches, with source images in the size of target images."""
        source, target = super().domains(inputs)
        return source._replace(image=resized(source.image, target.size)), target

    def fakes(self, source: DomainBatch, target: DomainBatch) -> tuple[Tensor, Tensor]:
        """Return translations from the pools, in the styles of the source and of the target."""
        new = super().fakes(source, target)
        fake_source, fake_target = (
            pool(images) for pool, images in zip(self.pools, new, strict=True)
        )
        return fake_source, fake_target

    def generator_losses(self, source: DomainBatch, target: DomainBatch) -> dict[str, Tensor]:
        """Compute ``loss`` and its unweighted parts."""
        losses = super().generator_losses(source, target)
        if self.idt_weight:
            losses['loss_idt'] = sum(
                F.l1_loss(generator(batch.image, batch.size).image, batch.image)
                for generator, batch in (
                    (self.generator_s2t, target),
                    (self.generator_t2s, source),
                )
            )
            losses['loss'] = losses['loss'] + self.idt_weight * losses['loss_idt']
        return losses
