"""Pseudo-labels from class probabilities, as pure functions, and the weights of their pixels.

Each returns labels (N, H, W), in which ``IGNORED`` counts nowhere, and weights of the same shape.
"""

import torch
from torch import Tensor

IGNORED = 255


def confident_share(
    probabilities: Tensor, threshold: float, per_image: bool = False
) -> tuple[Tensor, Tensor]:
    r"""Label all pixels; their weight is the share q of pixels with a confident prediction.

    .. math:: \hat y = \arg\max_c p_c, \qquad q = \frac 1 {|\Omega|} \sum_{\Omega}
        [\max_c p_c \ge \tau]

    Ω is the batch, as in DACS and DAFormer, or with ``per_image`` each image.
    """
    highest, labels = probabilities.max(1)
    confident = (highest >= threshold).float()
    share = confident.mean((1, 2), keepdim=True) if per_image else confident.mean()
    return labels, share.expand(labels.shape)


def class_portion(probabilities: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    r"""Label by the probability over the threshold of its class, where that is 1 or more (CBST).

    .. math:: \hat y = \arg\max_c p_c / \theta_c \quad \text{where}
        \quad \max_c p_c / \theta_c \ge 1
    """
    highest, labels = (probabilities / thresholds.view(1, -1, 1, 1)).max(1)
    return labels.masked_fill(highest < 1, IGNORED), torch.ones_like(highest)
