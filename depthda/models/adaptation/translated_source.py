"""Train on translated source images in addition to the original ones."""

from typing import TYPE_CHECKING

from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.ramp import ramped
from depthda.models.tensors import weighted

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


@MODELS.register_module()
class TranslatedSource(nn.Module):
    r"""Add the segmentor's own losses on source images that G translated to the target.

    .. math:: L = \lambda \, r(i) \, L_{seg}(G(x_s), y_s)

    The images are those of ``translated`` in ``DomainPairDataset``, which ``depthda translate``
    wrote before the training. r rises from 0 to 1 in ``ramp`` iterations after the warm-up. The
    abstract of this paper names the constraint, not its formula: Y. Li et al., "Learning deep
    semantic segmentation network under multiple weakly-supervised constraints for cross-domain
    remote sensing image semantic segmentation" (MUCSS), ISPRS Journal 175, 2021.

    Args:
        weight: λ.
        ramp: Number of iterations until the losses have their full weight.
    """

    def __init__(self, weight: float = 1.0, ramp: int = 0) -> None:
        super().__init__()
        self.weight = weight
        self.ramp = ramp

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return the losses on the translated images, with the prefix ``translated``."""
        if step.translated is None:
            raise UserError(
                'TranslatedSource trains on translated images: set translated=... of '
                'DomainPairDataset to the dataset that depthda translate wrote.'
            )
        weight = self.weight * ramped(step.iteration, self.ramp, step.model.warm_up)
        losses = step.segmentor.loss(*step.translated)
        return add_prefix(weighted(losses, weight), 'translated')
