"""OA and kappa by the formulas printed in the DepthSeg paper."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from depthda.errors import UserError
from depthda.evaluation.confusion import marginals, mean

PRINTED = ('OA', 'Kappa')


def printed_scores(matrix: Tensor | np.ndarray) -> dict[str, float | None]:
    r"""Score a confusion matrix ``[C, C]`` by the printed formulas, in per cent.

    Both are means over all C classes, absent ones included, of a score of one class against the
    rest:

    .. math:: OA = \frac 1 C \sum_c \frac {TP + TN} n, \qquad
        Kappa = \frac 1 C \sum_c \frac n {(TP + FP)(FP + TN) + (TP + FN)(FN + TN)}.

    An error counts for two classes, so this OA is :math:`1 - 2 (1 - OA) / C` with the usual OA.
    This kappa falls with the number of pixels n and is near 0 for any map. Its denominator is that
    of a binary kappa, whose numerator would be :math:`2 (TP \cdot TN - FN \cdot FP)`. A class whose
    denominator is 0 has no kappa and is left out of the mean. The tables of the paper do not follow
    the formulas: OA and kappa of every row fit the usual definitions with a chance agreement of
    .27.
    """
    hits, truth, found = marginals(matrix)
    total = sum(truth)
    right = total - truth - found + 2 * hits  # TP + TN
    below = found * (total - truth) + truth * (total - found)
    if not total:
        return dict.fromkeys(PRINTED)
    return {
        'OA': mean([100 * count / total for count in right]),
        'Kappa': mean([100 * total / value if value else None for value in below]),
    }


def check_printed(printed: Sequence[str], aggregate: str) -> tuple[str, ...]:
    """Refuse names without a printed formula, and aggregates that have no OA and kappa."""
    if isinstance(printed, str) or not set(printed) <= set(PRINTED):
        raise UserError(f'printed={printed!r} of SegmentationMetric: use any of {list(PRINTED)}.')
    if printed and aggregate != 'global':
        raise UserError(
            f'printed={list(printed)} of SegmentationMetric needs the confusion matrix of all '
            "pixels: use aggregate='global'."
        )
    return tuple(printed)
