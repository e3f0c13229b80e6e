"""Two copies of a head predict together, and each has its own loss."""

import pytest
import torch
from labelled_samples import labelled
from mmseg.registry import MODELS

from depthda.errors import UserError

HEAD = dict(
    type='DeepLabV2Head', in_channels=4, in_index=0, dilations=(1, 2), num_classes=3,
    align_corners=False, loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)  # fmt: skip


def build(**settings):
    head = MODELS.build(dict(type='TwinHead', head=HEAD, **settings))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def test_the_prediction_is_the_sum_of_logits_or_the_mean_of_probabilities():
    features = [torch.randn(2, 4, 5, 6)]
    head = build()
    first, second = (copy(features) for copy in head.copies)
    assert not torch.allclose(first, second, atol=0.1)
    torch.testing.assert_close(head(features), first + second)
    head.combine = 'mean'
    for n, y, x in [(0, 0, 0), (1, 4, 5)]:
        one, other = (z[n, :, y, x].exp() / z[n, :, y, x].exp().sum() for z in (first, second))
        expected = (one + other) / 2
        torch.testing.assert_close(head(features)[n, :, y, x].softmax(0), expected)


def test_each_copy_has_its_weighted_loss():
    head, features = build(weights=(1.0, 0.25)), [torch.randn(2, 4, 8, 8)]
    samples = labelled(torch.randint(3, (2, 8, 8)))
    losses = head.loss(features, samples, {})
    for name, copy, weight in zip(('first', 'second'), head.copies, (1, 0.25), strict=True):
        own = copy.loss(features, samples, {})
        torch.testing.assert_close(losses[f'{name}.loss_ce'], weight * own['loss_ce'])
        torch.testing.assert_close(losses[f'{name}.acc_seg'], own['acc_seg'])


def test_prediction_has_the_size_of_the_image_and_an_unknown_combination_is_refused():
    head, features = build(), [torch.randn(1, 4, 4, 4)]
    found = head.predict(features, [dict(img_shape=(8, 8))], None)
    assert found.shape == (1, 3, 8, 8)
    with pytest.raises(UserError, match="combine='max' of TwinHead must be 'sum' or 'mean'"):
        build(combine='max')
