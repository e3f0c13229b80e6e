"""Pixel counts, and the scores that follow from them: pure functions without state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from depthda.errors import UserError, few

# Values that need more bins than this are not labels, but a float map or 32-bit identifiers.
# Counting them would be correct, but wasteful.
_MAX_BINS = 1 << 20
PRINTED = ('OA', 'Kappa')  # scores with a formula printed in the DepthSeg paper


def joint_counts(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Count (label, prediction) pairs: int64 ``[C + 1, C]`` on the device of ``pred``.

    Rows are labels, columns are predictions. The last row counts the predictions where the label is
    ``ignore_index``, which may be any integer. Ignored pixels are not removed first, because a
    boolean mask costs more than the counting. Instead, every label value has its bins, so one
    ``bincount`` yields the matrix, the row of ignored pixels, and any unexpected value.
    """
    if pred.shape != target.shape:
        raise UserError(
            f'the prediction has shape {tuple(pred.shape)}, but the label map has shape '
            f'{tuple(target.shape)}: both must have the size of the original image.'
        )
    pred, target = pred.flatten(), target.to(pred.device).flatten()
    if not pred.numel():
        return torch.zeros(num_classes + 1, num_classes, dtype=torch.int64, device=pred.device)
    # One transfer for all four limits, because on a GPU each .item() would wait for the device.
    limits = torch.stack([v.long() for v in (*pred.aminmax(), *target.aminmax())])
    pred_low, pred_high, low, high = limits.tolist()
    if pred_low < 0 or pred_high >= num_classes:
        raise UserError(
            f'the predictions have values from {pred_low} to {pred_high}, but the dataset has '
            f'{num_classes} classes: set num_classes of the model to {num_classes}.'
        )
    bins = (high - low + 1) * num_classes
    if bins > _MAX_BINS:
        raise _label_error([low, high], num_classes, ignore_index)
    dtype = torch.int16 if bins <= torch.iinfo(torch.int16).max else torch.int32
    shifted = target - low if low else target
    index = shifted.to(dtype, copy=True).mul_(num_classes).add_(pred.to(dtype))
    counts = torch.bincount(index, minlength=bins).view(-1, num_classes)

    unexpected = counts.sum(1)
    out = counts.new_zeros(num_classes + 1, num_classes)
    if low <= ignore_index <= high:
        out[num_classes] = counts[ignore_index - low]
        unexpected[ignore_index - low] = 0
    first, last = max(low, 0), min(high, num_classes - 1)
    if first <= last:
        out[first : last + 1] = counts[first - low : last + 1 - low]
        unexpected[first - low : last + 1 - low] = 0
    if 0 <= ignore_index < num_classes:
        out[ignore_index] = 0
    if unexpected.any():
        values = (unexpected.nonzero().flatten() + low).tolist()
        raise _label_error(values, num_classes, ignore_index)
    return out


def _label_error(values: list[int], num_classes: int, ignore_index: int) -> UserError:
    return UserError(
        f'label values {few(map(str, values), 5)} are neither a class (0…{num_classes - 1}) nor '
        f'the ignored {ignore_index}: check the labels, reduce_zero_label and num_classes of '
        'the config.'
    )


@dataclass(frozen=True)
class Scores:
    """Scores in per cent; None where a score is undefined.

    A class is *absent* when it occurs neither in the labels nor in the predictions: its four scores
    are None, and it does not count in the means. A class that occurs in only one of them is present
    and scores 0. The means are scikit-learn's macro averages with default labels and
    ``zero_division=0``. (mmseg's ``IoUMetric`` averages IoU in the same way, but leaves a class
    that is never predicted out of mPrecision and mFscore, which rewards not predicting it.)
    """

    iou: list[float | None]
    f1: list[float | None]
    precision: list[float | None]
    recall: list[float | None]
    oa: float | None
    kappa: float | None
    fw_iou: float | None

    def means(self) -> dict[str, float | None]:
        """Return the summary scores under the names that are logged."""
        per_class = dict(mIoU=self.iou, mF1=self.f1, mPrecision=self.precision, mRecall=self.recall)
        means = {name: mean(values) for name, values in per_class.items()}
        return means | {'OA': self.oa, 'Kappa': self.kappa, 'fwIoU': self.fw_iou}


def scores(matrix: Tensor | np.ndarray) -> Scores:
    r"""Compute the scores of a confusion matrix ``[C, C]`` (rows are labels, columns predictions).

    Of :math:`n` pixels, :math:`t_c` have the label :math:`c`, :math:`p_c` are predicted as
    :math:`c`, and :math:`h_c` are both (hits). The scores are
    IoU :math:`h/(t+p-h)`, F1 (Dice) :math:`2h/(t+p)`, precision :math:`h/p`, recall :math:`h/t`,
    OA :math:`\sum h/n`, frequency-weighted IoU :math:`\sum t/n \cdot h/(t+p-h)`, and Cohen's
    :math:`\kappa = (n\sum h - \sum tp)/(n^2 - \sum tp)`. Kappa is undefined if all labels and
    predictions are of one class.
    """
    hits, labelled, predicted = marginals(matrix)
    total, correct = sum(labelled), sum(hits)
    chance = sum(t * p for t, p in zip(labelled, predicted, strict=True))
    present = [bool(t + p) for t, p in zip(labelled, predicted, strict=True)]

    def per_class(numerators: np.ndarray, denominators: np.ndarray) -> list[float | None]:
        counts = zip(numerators, denominators, present, strict=True)
        return [_percent(a, b) or 0.0 if occurs else None for a, b, occurs in counts]

    iou = per_class(hits, labelled + predicted - hits)
    weighted = [t * value for t, value in zip(labelled, iou, strict=True) if t]
    return Scores(
        iou=iou,
        f1=per_class(2 * hits, labelled + predicted),
        precision=per_class(hits, predicted),
        recall=per_class(hits, labelled),
        oa=_percent(correct, total),
        kappa=_percent(total * correct - chance, total**2 - chance),
        fw_iou=sum(weighted) / total if total else None,
    )


def marginals(matrix: Tensor | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers of hits, labelled pixels and predicted pixels of each class.

    They are Python integers, because n² of a large test set does not fit into 64 bits.
    """
    table = np.asarray(torch.as_tensor(matrix).cpu()).astype(object)
    return table.diagonal(), table.sum(1), table.sum(0)


def per_batch_scores(counts: Tensor) -> tuple[list[float], list[float]]:
    """Return each class's mean IoU and F1 over batches in per cent, as DRDG's released code does.

    Three differences from :func:`scores` raise or lower the result. Every batch has the same
    weight, even a smaller last one. A class that is absent from a batch has the score 1 there.
    Ignored pixels are not left out, so every prediction there counts as wrong. (The released code
    gets the 1 by adding 1e-5 to numerator and denominator, which changes the score of a present
    class by less than 1e-5. This change is not reproduced here.) ``counts`` holds the
    :func:`joint_counts` of each batch, ``[batches, C + 1, C]``.
    """
    counts = counts.double().cpu()
    labelled, predicted = counts[:, :-1].sum(2), counts.sum(1)
    hits = counts[:, :-1].diagonal(dim1=1, dim2=2)

    def average(numerators: Tensor, denominators: Tensor) -> list[float]:
        values = torch.where(denominators > 0, numerators / denominators, 1.0)
        return (100 * values.mean(0)).tolist()

    return average(hits, labelled + predicted - hits), average(2 * hits, labelled + predicted)


def printed_scores(matrix: Tensor | np.ndarray) -> dict[str, float | None]:
    r"""Compute OA and kappa by the formulas printed in the DepthSeg paper, in per cent.

    Both are means over all C classes, including absent ones. The score of each class distinguishes
    only this class from all others:

    .. math:: OA = \frac 1 C \sum_c \frac {TP + TN} n, \qquad
        Kappa = \frac 1 C \sum_c \frac n {(TP + FP)(FP + TN) + (TP + FN)(FN + TN)}.

    A wrong pixel counts as an error of two classes, so this OA is :math:`1 - 2 (1 - OA) / C`, where
    the inner OA is the usual one. This kappa falls with the number of pixels n and is near 0 for
    any map. Its denominator is that of a binary kappa, whose numerator would be
    :math:`2 (TP \cdot TN - FN \cdot FP)`. A class whose denominator is 0 has no kappa and is left
    out of the mean. The tables of the paper do not follow these formulas: OA and kappa of every row
    fit the usual definitions with a chance agreement of .27.
    """
    hits, labelled, predicted = marginals(matrix)
    total = sum(labelled)
    correct = total - labelled - predicted + 2 * hits  # TP + TN
    denominators = predicted * (total - labelled) + labelled * (total - predicted)
    if not total:
        return dict.fromkeys(PRINTED)
    return {
        'OA': mean([100 * count / total for count in correct]),
        'Kappa': mean([100 * total / value if value else None for value in denominators]),
    }


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the defined values; None if there are none."""
    defined = [v for v in values if v is not None]
    return sum(defined) / len(defined) if defined else None


def _percent(numerator: int, denominator: int) -> float | None:
    return 100 * numerator / denominator if denominator else None
