"""Pseudo-labels that count less where the teacher needs depth to find them."""

from mmseg.registry import MODELS
from torch import Tensor

from depthda.models.adaptation.confident_share import ConfidentShare


@MODELS.register_module()
class DepthAgreement(ConfidentShare):
    r"""Weigh the pixels of ``ConfidentShare`` by how well two predictions of the teacher agree.

    .. math:: w = q \, \Bigl(1 - \tfrac 1 2 \sum_c |p_c - p'_c|\Bigr)

    p is predicted with depth and p' without. The labels are those of p. Where depth is good, both
    see the same; where it is wrong, or taken for something that it does not show, they differ.
    """

    needs_both = True

    def forward(self, probabilities: Tensor, without_depth: Tensor) -> tuple[Tensor, Tensor]:
        """Return labels and weights, (N, H, W) each."""
        labels, share = super().forward(probabilities)
        return labels, share * (1 - (probabilities - without_depth).abs().sum(1) / 2)
