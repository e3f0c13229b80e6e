"""Predictions of rotated images are compared with rotated predictions, pixel by pixel."""

import copy

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from tiny_adaptation import CLASSES, SIZE, adapted, losses_of, pair

from depthda.models.adaptation.pseudo_labels import IGNORED, Threshold
from depthda.models.adaptation.rotation_consistency import rotate


def seeded(seeds):
    batch = pair()
    for sample, seed in zip(batch['data_samples']['target'], seeds, strict=True):
        sample.set_metainfo(dict(sample_seed=seed))
    return batch


def rotated(array, turns):
    """Rotate (C, H, W) counter-clockwise pixel by pixel."""
    for _ in range(turns):
        _, height, width = array.shape
        turned = np.empty((array.shape[0], width, height), array.dtype)
        for y, x in np.ndindex(height, width):
            turned[:, width - 1 - x, y] = array[:, y, x]
        array = turned
    return array


def test_quarter_turns_are_counter_clockwise():
    images = torch.randn(3, 2, 4, 4)
    for image, found, turns in zip(images, rotate(images, [1, 2, 3]), (1, 2, 3), strict=True):
        np.testing.assert_array_equal(found, rotated(image.numpy(), turns))


@pytest.mark.parametrize('seeds', [(0, 1), (2, 3)])
def test_the_loss_is_the_squared_difference_of_probabilities(seeds):
    term = dict(type='RotationConsistency', weight=0.5)
    model, batch = adapted(dict(terms=[term])), seeded(seeds)
    torch.nn.init.normal_(model.segmentor.decode_head.conv_seg.weight)
    student = copy.deepcopy(model.segmentor)
    loss = losses_of(model, batch)['loss_rotation'].item()
    images = model.data_preprocessor(batch, training=True)['inputs']['target']
    plain = student.decode_head(student.extract_feat(images)).softmax(1).detach().numpy()
    candidates = []
    for turns in np.ndindex(3, 3):
        pairs = list(zip(images.numpy(), plain, turns, strict=True))
        given = np.stack([rotated(image, 1 + t) for image, _, t in pairs])
        again = student.decode_head(student.extract_feat(torch.tensor(given))).softmax(1)
        expected = np.stack([rotated(p, 1 + t) for _, p, t in pairs])
        difference = again.detach().numpy() - expected
        candidates.append(0.5 * (difference**2).sum(1).mean())
    # Each image has its own number of turns, which its seed decides.
    assert min(abs(value - loss) for value in candidates) < 1e-5 < max(candidates)
    assert np.std(candidates) > 1e-5
    assert losses_of(model, batch)['loss_rotation'].item() == pytest.approx(loss, rel=1e-4)


def test_images_that_are_not_square_are_turned_upside_down(at_iteration):
    term = dict(type='RotationConsistency', ramp=4)
    model, batch = adapted(dict(terms=[term], warm_up=2)), pair()
    for domain in batch['inputs'].values():
        domain[:] = [image[:, : SIZE // 2] for image in domain]
    model.segmentor.data_preprocessor.size = None
    model.data_preprocessor.source.size = model.data_preprocessor.target.size = (SIZE // 2, SIZE)
    for sample in batch['data_samples']['source']:
        labels = sample.gt_sem_seg.data[:, : SIZE // 2]
        sample.gt_sem_seg = PixelData(data=labels)
    assert 'loss_rotation' not in losses_of(model, batch)
    at_iteration(3)
    quarter = losses_of(copy.deepcopy(model), batch)['loss_rotation']
    at_iteration(6)
    torch.testing.assert_close(losses_of(model, batch)['loss_rotation'], 4 * quarter)


def test_a_fixed_threshold_labels_what_exceeds_it_with_a_rising_weight():
    rule, given = Threshold(0.5, ramp=10, begin=20), torch.randn(2, CLASSES, 5, 5).softmax(1)
    given[0, :, 0, 0] = torch.tensor([0.5, 0.5, 0, 0, 0])
    rule.update(None, 25)
    labels, weights = rule(given)
    for n, y, x in np.ndindex(2, 5, 5):
        p = given[n, :, y, x]
        assert labels[n, y, x] == (p.argmax() if p.max() > 0.5 else IGNORED)
    assert (weights == 0.5).all() and 0 < (labels == IGNORED).sum() < labels.numel()
    rule.update(None, 31)
    assert (rule(given)[1] == 1).all()
