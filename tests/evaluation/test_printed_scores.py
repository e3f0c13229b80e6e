"""Check ``printed_scores`` (formulas of the DepthSeg paper) against a loop over pixels."""

import numpy as np
import pytest
import torch

from depthda.evaluation.confusion import printed_scores


def by_loop(target, pred, num_classes):
    accuracies, kappas = [], []
    for c in range(num_classes):
        tp = fp = fn = tn = 0
        for t, p in zip(target, pred, strict=True):
            tp += t == c and p == c
            fp += t != c and p == c
            fn += t == c and p != c
            tn += t != c and p != c
        accuracies.append((tp + tn) / (tp + tn + fp + fn))
        denominator = (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn)
        if denominator:
            kappas.append((tp + tn + fp + fn) / denominator)
    return 100 * np.mean(accuracies), 100 * np.mean(kappas)


def matrix_of(target, pred, num_classes):
    matrix = np.zeros((num_classes, num_classes), int)
    np.add.at(matrix, (target, pred), 1)
    return matrix


@pytest.mark.parametrize('classes', [2, 5, 7])  # of seven, two are absent
def test_the_scores_equal_the_printed_formulas(classes):
    rng = np.random.default_rng(classes)
    target, other = rng.integers(0, min(classes, 5), (2, 300))
    pred = np.where(rng.random(300) < 0.7, target, other)
    result = printed_scores(torch.from_numpy(matrix_of(target, pred, classes)))
    assert (result['OA'], result['Kappa']) == pytest.approx(by_loop(target, pred, classes))


def test_without_pixels_no_score_is_defined():
    assert printed_scores(np.zeros((3, 3), int)) == dict(OA=None, Kappa=None)
    one = np.zeros((3, 3), int)
    one[1, 1] = 5  # a class with all pixels, and two without any
    assert printed_scores(one) == dict(OA=100, Kappa=None)


def test_squares_of_counts_may_exceed_64_bits():
    small = np.array([[5, 1], [2, 4]])
    big = printed_scores(small * 10**11)
    assert big['OA'] == pytest.approx(printed_scores(small)['OA'])
    assert big['Kappa'] == pytest.approx(printed_scores(small)['Kappa'] / 10**11)
