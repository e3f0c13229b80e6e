"""OA and kappa by the formulas that the DepthSeg paper prints."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from depthda.errors import UserError
from depthda.evaluation.confusion import mean

PRINTED = ('OA', 'Kappa')


def printed_scores(matrix: Tensor | np.ndarray) -> dict[str, float | None]:
    r"""Score a confusion matrix ``[C, C]`` by the printed formulas, in per cent.

    Both are means over the C classes of a score of one class against the rest, absent ones too:

    .. math:: OA = \frac 1 C \sum_c \frac {TP + TN} n, \qquad
        Kappa = \frac 1 C \sum_c \frac n {(TP + FP)(FP + TN) + (TP + FN)(FN + TN)}.

    An error counts for two classes, so this OA is :math:`1 - 2 (1 - OA) / C` of the usual one. This
    kappa falls with the number of pixels n and is near 0 for any map; its denominator is that of a
    binary kappa, whose numerator would be :math:`2 (TP \cdot TN - FN \cdot FP)`. Where the
    denominator is 0 it is undefined and left out of the mean. The paper's tables do not follow the
    formulas: OA and kappa of every row fit the usual definitions with a chance agreement of .27.
    """
    # Python integers: n² of a large test set does not fit into 64 bits.
    table = np.asarray(torch.as_tensor(matrix).cpu()).astype(object)
    hits, truth, found = table.diagonal(), table.sum(1), table.sum(0)
    total = sum(truth)
    right = total - truth - found + 2 * hits  # TP + TN
    below = found * (total - truth) + truth * (total - found)
    if not total:
        return dict.fromkeys(PRINTED)
    return {
        'OA': mean([100 * each / total for each in right]),
        'Kappa': mean([100 * total / each if each else None for each in below]),
    }


def check_printed(printed: Sequence[str], aggregate: str) -> tuple[str, ...]:
    """Refuse names without a printed formula, and aggregates without OA and kappa."""
    if isinstance(printed, str) or not set(printed) <= set(PRINTED):
        raise UserError(f'printed={printed!r} of SegmentationMetric: name any of {list(PRINTED)}.')
    if printed and aggregate != 'global':
        raise UserError(
            f'printed={list(printed)} of SegmentationMetric needs the confusion matrix of all '
            "pixels: use aggregate='global'."
        )
    return tuple(printed)
