"""Counting pixels and the scores that follow from the counts: pure functions, no state."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from depthda.errors import UserError

# Above this many bins the labels are not labels (a float map, a 32-bit identifier); the counting
# itself would still be right, only wasteful.
_MOST_BINS = 1 << 20


def joint_counts(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Count (truth, prediction) pairs, the ignored pixels in a row of their own.

    Nothing is masked: a boolean mask costs more than the counting. All label values get bins, so
    one ``bincount`` yields the matrix, the ignored row, and any value that ought not to be there.

    Args:
        pred: class indices, any integer type and shape.
        target: labels of the same shape: class indices or ``ignore_index``.
        num_classes: C.
        ignore_index: the label that means "no truth here"; any integer.

    Returns:
        int64 ``[C + 1, C]`` on the device of ``pred``: rows truth, columns prediction; the last row
        holds what was predicted where the label is ignored.
    """
    if pred.shape != target.shape:
        raise UserError(
            f'the prediction has shape {tuple(pred.shape)} but the label {tuple(target.shape)}: '
            'both must have the size of the original image.'
        )
    pred, target = pred.flatten(), target.to(pred.device).flatten()
    if not pred.numel():
        return torch.zeros(num_classes + 1, num_classes, dtype=torch.int64, device=pred.device)
    # One transfer for all four limits: on a GPU each .item() would wait for the device.
    limits = torch.stack([v.long() for v in (*pred.aminmax(), *target.aminmax())]).tolist()
    pred_low, pred_high, low, high = limits
    if pred_low < 0 or pred_high >= num_classes:
        raise UserError(
            f'predictions from {pred_low} to {pred_high} where the data set has {num_classes} '
            "classes: make the model's num_classes agree with the data set's."
        )
    bins = (high - low + 1) * num_classes
    if bins > _MOST_BINS:
        raise _bad_labels([low, high], num_classes, ignore_index)
    dtype = torch.int16 if bins <= torch.iinfo(torch.int16).max else torch.int32
    shifted = target - low if low else target
    index = shifted.to(dtype, copy=True).mul_(num_classes).add_(pred.to(dtype))
    counts = torch.bincount(index, minlength=bins).view(-1, num_classes)

    rest = counts.sum(1)
    out = counts.new_zeros(num_classes + 1, num_classes)
    if low <= ignore_index <= high:
        out[num_classes] = counts[ignore_index - low]
        rest[ignore_index - low] = 0
    first, last = max(low, 0), min(high, num_classes - 1)
    if first <= last:
        out[first : last + 1] = counts[first - low : last + 1 - low]
        rest[first - low : last + 1 - low] = 0
    if 0 <= ignore_index < num_classes:
        out[ignore_index] = 0
    if rest.any():
        raise _bad_labels((rest.nonzero().flatten() + low).tolist(), num_classes, ignore_index)
    return out


def confusion_matrix(
    pred: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255
) -> Tensor:
    """Return the int64 ``[C, C]`` confusion matrix, rows truth, columns prediction.

    See :func:`joint_counts`, whose ignored row it leaves out.
    """
    return joint_counts(pred, target, num_classes, ignore_index)[:num_classes]


def _bad_labels(values: list[int], num_classes: int, ignore_index: int) -> UserError:
    shown = ', '.join(map(str, values[:5])) + (', …' if len(values) > 5 else '')
    return UserError(
        f'label values {shown} are neither a class (0…{num_classes - 1}) nor the ignored '
        f'{ignore_index}: check the labels, and reduce_zero_label and num_classes of the config.'
    )


@dataclass(frozen=True)
class Scores:
    """Scores in per cent; None where a score is undefined.

    A class is *absent* when it occurs neither in the truth nor in the prediction: its four scores
    are None and it takes no part in the means. A class that occurs in only one of them is present
    and scores 0. These are scikit-learn's macro averages with their default labels and
    ``zero_division=0``. (mmseg's ``IoUMetric`` averages IoU alike, but it leaves a class that is
    never predicted out of mPrecision and mFscore, which rewards not predicting it.)
    """

    iou: list[float | None]
    f1: list[float | None]
    precision: list[float | None]
    recall: list[float | None]
    oa: float | None
    kappa: float | None

    def means(self) -> dict[str, float | None]:
        """Return the six summary figures by the names under which they are logged."""
        return {
            'mIoU': mean(self.iou),
            'mF1': mean(self.f1),
            'mPrecision': mean(self.precision),
            'mRecall': mean(self.recall),
            'OA': self.oa,
            'Kappa': self.kappa,
        }


def scores(matrix: Tensor | np.ndarray) -> Scores:
    r"""Score a confusion matrix ``[C, C]`` (rows truth, columns prediction).

    With :math:`n` pixels, truth :math:`t_c`, prediction :math:`p_c` and hits :math:`h_c`:
    IoU :math:`h/(t+p-h)`, F1 (Dice) :math:`2h/(t+p)`, precision :math:`h/p`, recall :math:`h/t`,
    OA :math:`\sum h/n`, and Cohen's :math:`\kappa = (n\sum h - \sum tp)/(n^2 - \sum tp)`, undefined
    where truth and prediction are all one and the same class.
    """
    # Python integers: n² of a large test set does not fit into 64 bits.
    table = np.asarray(torch.as_tensor(matrix).cpu()).astype(object)
    hits, truth, found = table.diagonal(), table.sum(1), table.sum(0)
    total, right = sum(truth), sum(hits)
    chance = sum(t * p for t, p in zip(truth, found, strict=True))
    present = [bool(t + p) for t, p in zip(truth, found, strict=True)]

    def per_class(above: np.ndarray, below: np.ndarray) -> list[float | None]:
        return [
            _percent(a, b) or 0.0 if there else None
            for a, b, there in zip(above, below, present, strict=True)
        ]

    return Scores(
        iou=per_class(hits, truth + found - hits),
        f1=per_class(2 * hits, truth + found),
        precision=per_class(hits, found),
        recall=per_class(hits, truth),
        oa=_percent(right, total),
        kappa=_percent(total * right - chance, total**2 - chance),
    )


def per_batch_scores(counts: Tensor) -> tuple[list[float], list[float]]:
    """Mean over batches of each class's IoU and F1 in per cent, as DRDG's released code has it.

    Three things differ from :func:`scores`, each of which raises or lowers the figure: every batch
    weighs the same, the smaller last one too; a class that is absent from a batch counts 1 there;
    and ignored pixels are not masked, so what is predicted on them counts as predicted in the wrong
    place. (The release gets the 1 by adding 1e-5 above and below the fraction bar, which moves a
    present class by less than 1e-5; not repeated here.)

    Args:
        counts: :func:`joint_counts` of each batch, ``[batches, C + 1, C]``.

    Returns:
        IoU and F1 of each class.
    """
    counts = counts.double().cpu()
    truth, found = counts[:, :-1].sum(2), counts.sum(1)
    hits = counts[:, :-1].diagonal(dim1=1, dim2=2)

    def average(above: Tensor, below: Tensor) -> list[float]:
        return (100 * torch.where(below > 0, above / below, 1.0).mean(0)).tolist()

    return average(hits, truth + found - hits), average(2 * hits, truth + found)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are defined; None where none is."""
    defined = [v for v in values if v is not None]
    return sum(defined) / len(defined) if defined else None


def _percent(above: int, below: int) -> float | None:
    return 100 * above / below if below else None
