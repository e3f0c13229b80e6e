"""The student sees depth less often, and labels that need depth count less."""

import pytest
import torch
from tiny_adaptation import adapted, losses_of, pair

from depthda.errors import UserError
from depthda.models.adaptation.pseudo_labels import DepthAgreement
from depthda.models.adaptation.strong_augmentation import DepthDropout

MEAN = STD = torch.ones(3, 1, 1)


def test_depth_is_removed_from_images_with_a_small_random_number():
    images, numbers = torch.rand(4, 5, 6, 6), torch.tensor([0.1, 0.3, 0.29, 0.9])
    augmented = DepthDropout(0.3)(images, MEAN, STD, lambda *size: numbers.view(4, *size))
    assert torch.equal(augmented[:, :3], images[:, :3])
    assert augmented[[0, 2], 3:].isnan().all() and torch.equal(
        augmented[[1, 3], 3:], images[[1, 3], 3:]
    )
    assert images.isfinite().all()  # the teacher's images do not change


@pytest.mark.parametrize('prob', [0, 0.4, 1])
def test_depth_is_missing_with_the_probability(prob):
    augmented = DepthDropout(prob)(torch.rand(500, 4, 1, 1), MEAN, STD)
    assert abs(augmented[:, 3].isnan().float().mean() - prob) < 0.1 * (prob % 1 > 0) + 1e-9


@pytest.mark.parametrize('prob', [-0.1, 1.1])
def test_probabilities_out_of_range_are_refused(prob):
    with pytest.raises(UserError, match='must be from 0 to 1'):
        DepthDropout(prob)


@pytest.mark.parametrize('per_image', [False, True])
def test_weights_are_the_share_times_the_overlap_of_both_predictions(per_image):
    one, other = torch.randn(2, 2, 3, 4, 5).softmax(2)
    labels, weights = DepthAgreement(0.5, per_image)(one, other)
    assert labels.shape == weights.shape == (2, 4, 5)
    for n in range(2):
        counted = one[n : n + 1] if per_image else one
        share = (counted.amax(1) >= 0.5).float().mean()
        for y, x in torch.cartesian_prod(torch.arange(4), torch.arange(5)).tolist():
            assert labels[n, y, x] == one[n, :, y, x].argmax()
            # 1 - half of the sum of differences is the sum of the smaller ones.
            overlap = sum(min(float(one[n, c, y, x]), float(other[n, c, y, x])) for c in range(3))
            assert float(weights[n, y, x]) == pytest.approx(float(share) * overlap, abs=1e-6)


def test_the_second_prediction_sees_the_same_colours_without_depth(tiny_model):
    parts = dict(pseudo=dict(type='DepthAgreement', threshold=0.0))
    parts |= dict(teacher=dict(type='EMATeacher'))
    model, seen = adapted(parts, segmentor=tiny_model()), []
    predict, rule = model.teacher.probabilities, model.pseudo.forward
    model.teacher.probabilities = lambda images: seen.append(images) or predict(images)
    model.pseudo.forward = lambda *inputs: seen.append(inputs) or rule(*inputs)
    losses = losses_of(model, pair(size=64, channels=4))
    images, without_depth, predictions = seen
    assert torch.equal(images[:, :3], without_depth[:, :3])
    assert without_depth[:, 3:].isnan().all() and not images[:, 3:].isnan().all()
    assert all(map(torch.equal, predictions, (predict(images), predict(without_depth))))
    assert not torch.allclose(*predictions) and 0 < losses['pseudo_weight'] < 1
