"""The pseudo-labels of DACS and DAFormer."""

from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import confident_share


@MODELS.register_module()
class ConfidentShare(nn.Module):
    """Label every pixel, and weigh all by the share of confident ones.

    Args:
        threshold: Lowest probability of a confident pixel; the papers use 0.968.
        per_image: Compute the share for each image instead of for the batch of a process, so that
            it does not depend on the number of processes.
    """

    def __init__(self, threshold: float = 0.968, per_image: bool = False) -> None:
        super().__init__()
        if not 0 <= threshold <= 1:
            raise UserError(f'ConfidentShare: threshold={threshold}: take a number from 0 to 1.')
        self.threshold = threshold
        self.per_image = per_image

    def forward(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels and weights, (N, H, W) each."""
        return confident_share(probabilities, self.threshold, self.per_image)
