"""Labels and weights equal loops over pixels; probabilities are eighths, so that ties are exact."""

import pytest
import torch

from depthda.errors import UserError
from depthda.models.adaptation.class_thresholds import class_portion
from depthda.models.adaptation.pseudo_labels import ConfidentShare, confident_share

CLASSES, SIDE = 3, 4


def eighths(images=2):
    """Return probabilities n / 8, of which many are equal within a pixel."""
    parts = torch.randint(0, CLASSES, (8, images, SIDE, SIDE))
    return torch.stack([(parts == c).sum(0) for c in range(CLASSES)], 1) / 8


def pixels(probabilities):
    """Yield the position and the probabilities of each pixel as plain numbers."""
    for n, image in enumerate(probabilities.tolist()):
        for row in range(SIDE):
            for column in range(SIDE):
                yield (n, row, column), [image[c][row][column] for c in range(CLASSES)]


def loop_labels(probabilities, keep=lambda values: True, score=lambda values: values):
    """Return the first class with the highest score, or 255."""
    labels = torch.full((len(probabilities), SIDE, SIDE), 255)
    for position, values in pixels(probabilities):
        scores = score(values)
        if keep(scores):
            labels[position] = scores.index(max(scores))
    return labels


def loop_share(probabilities, threshold):
    confident = [max(values) >= threshold for _, values in pixels(probabilities)]
    return sum(confident) / len(confident)


def test_the_share_of_a_batch_is_one_number_for_all_its_pixels():
    probabilities = eighths()
    labels, weights = confident_share(probabilities, 0.5)
    assert torch.equal(labels, loop_labels(probabilities))
    share = loop_share(probabilities, 0.5)
    assert 0 < share < 1
    assert weights.tolist() == [[[share] * SIDE] * SIDE] * 2


def test_the_share_of_an_image_does_not_depend_on_the_batch():
    probabilities = eighths()
    probabilities[1, :, :2] = torch.tensor([1.0, 0, 0]).view(3, 1, 1)
    labels, weights = confident_share(probabilities, 0.5, per_image=True)
    shares = [loop_share(image[None], 0.5) for image in probabilities]
    assert shares[0] != shares[1]
    assert weights.tolist() == [[[share] * SIDE] * SIDE for share in shares]
    assert torch.equal(labels, loop_labels(probabilities))
    for n in range(2):
        alone = confident_share(probabilities[n : n + 1], 0.5)
        assert torch.equal(alone[0][0], labels[n]) and torch.equal(alone[1][0], weights[n])


@pytest.mark.parametrize('per_image', [False, True])
def test_pixels_keep_their_labels_with_weight_0_or_1_when_none_or_all_are_confident(per_image):
    probabilities = eighths()
    for threshold, share in ((1.1, 0), (0, 1)):
        labels, weights = confident_share(probabilities, threshold, per_image)
        assert torch.equal(labels, loop_labels(probabilities))
        assert weights.shape == labels.shape and weights.unique().tolist() == [share]


@pytest.mark.parametrize('thresholds', [(0.5, 0.25, 1.0), (1.0, 1.0, 1.0), (0.125, 0.5, 0.5)])
def test_class_portion_compares_probabilities_with_the_threshold_of_their_class(thresholds):
    probabilities = eighths(4)
    expected = loop_labels(
        probabilities,
        keep=lambda scores: max(scores) >= 1,
        score=lambda values: [p / t for p, t in zip(values, thresholds, strict=True)],
    )
    labels, weights = class_portion(probabilities, torch.tensor(thresholds))
    assert torch.equal(labels, expected)
    assert torch.equal(weights, torch.ones(4, SIDE, SIDE))
    if thresholds == (0.5, 0.25, 1.0):  # a low threshold changes which class wins
        assert ((labels != 255) & (labels != loop_labels(probabilities))).any()


def test_the_module_passes_its_arguments_and_refuses_invalid_thresholds():
    probabilities = eighths()
    for per_image in (False, True):
        actual = ConfidentShare(0.625, per_image)(probabilities)
        expected = confident_share(probabilities, 0.625, per_image)
        assert all(map(torch.equal, actual, expected))
    for threshold in (-0.1, 1.5):
        with pytest.raises(UserError, match='must be from 0 to 1'):
            ConfidentShare(threshold)
