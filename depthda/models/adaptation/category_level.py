"""CLAN: adversarial training that is stronger where two heads disagree."""

from typing import TYPE_CHECKING

from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.output_adversary import OutputAdversary, bce
from depthda.models.tensors import resized

if TYPE_CHECKING:
    from depthda.models.adaptation.step import AdaptationStep


def damping(iteration: int, iterations: int) -> float:
    """Return 1 - i/N, which falls from 1 to 0 in N ``iterations``."""
    return max(1 - iteration / iterations, 0.0)


@MODELS.register_module()
class CategoryAdversary(OutputAdversary):
    r"""Train a critic on the joint prediction p of two heads, weighted by their disagreement w.

    .. math:: w = 1 - \frac{p_1 \cdot p_2}{\lVert p_1 \rVert \lVert p_2 \rVert}, \qquad
        L_{adv} = \lambda \, (1 - i / N) \, \mathrm{mean}
        \bigl[(\epsilon + f w) \, BCE(D(p_t), 0)\bigr]

    p₁ and p₂ are the probabilities of the heads, per pixel; i is the iteration. The critic's loss
    on the target has the same weights, without a gradient to the heads. Before iteration ``start``
    both are unweighted. D's outputs are resized to the images. Citation: Y. Luo et al., "Taking a
    Closer Look at Domain Shift" (CLAN), CVPR 2019.

    Args:
        critic, weight: As in ``OutputAdversary``.
        epsilon, factor: ε and f.
        start: First iteration with weights.
        iterations: N, the length of the training.
    """

    def __init__(
        self,
        critic: ConfigType,
        weight: float = 0.001,
        epsilon: float = 0.4,
        factor: float = 10.0,
        start: int = 750,
        iterations: int = 10000,
    ) -> None:
        super().__init__(critic, weight)
        self.epsilon = epsilon
        self.factor = factor
        self.start = start
        self.iterations = iterations

    def follow(self, segmentor: nn.Module) -> None:
        _check_twin(segmentor, 'CategoryAdversary')
        super().follow(segmentor)

    def target_losses(
        self, fooled: Tensor, judged: Tensor, step: 'AdaptationStep'
    ) -> tuple[Tensor, Tensor]:
        size, weight = step.target_images.shape[2:], self.weight
        weight *= damping(step.iteration, self.iterations)
        maps = [resized(output, size) for output in (fooled, judged)]
        if step.iteration < self.start:
            return weight * bce(maps[0], 0.0), bce(maps[1], 1.0)
        copies = [step.target.logits[f'decode_head.{number}'] for number in (0, 1)]
        first, second = (resized(logits, size).softmax(1) for logits in copies)
        local = self.epsilon + self.factor * (1 - F.cosine_similarity(first, second))[:, None]
        return weight * bce(maps[0], 0.0, local), bce(maps[1], 1.0, local.detach())


@MODELS.register_module()
class WeightDivergence(nn.Module):
    r"""Keep the weights θ of the two copies of a ``TwinHead`` apart (CLAN).

    .. math:: L = \lambda \, (1 - i / N) \left( 1 + \frac{\theta_1 \cdot \theta_2}
        {\lVert \theta_1 \rVert \lVert \theta_2 \rVert} \right)

    Args:
        weight: λ.
        iterations: N, the length of the training.
    """

    def __init__(self, weight: float = 0.02, iterations: int = 10000) -> None:
        super().__init__()
        self.weight = weight
        self.iterations = iterations

    def follow(self, segmentor: nn.Module) -> None:
        """Refuse a segmentor without two heads."""
        _check_twin(segmentor, 'WeightDivergence')

    def forward(self, step: 'AdaptationStep') -> dict[str, Tensor]:
        """Return ``loss_divergence``."""
        copies = step.segmentor.decode_head.copies
        first, second = (nn.utils.parameters_to_vector(head.parameters()) for head in copies)
        similarity = F.cosine_similarity(first, second, dim=0)
        weight = self.weight * damping(step.iteration, self.iterations)
        return dict(loss_divergence=weight * (1 + similarity))


def _check_twin(segmentor: nn.Module, name: str) -> None:
    if not hasattr(segmentor.decode_head, 'copies'):
        raise UserError(
            f'{name} compares two heads: set decode_head=dict(type="TwinHead", head=...) of the '
            'segmentor.'
        )
