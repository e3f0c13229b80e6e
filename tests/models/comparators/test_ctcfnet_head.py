"""CTCFNet's decoder equals a reimplementation with functions, and learns boundaries."""

import pytest
import torch
from labelled_samples import labelled
from mmseg.registry import MODELS
from plain_layers import layer, linear, randomize
from torch.nn import functional as F

from depthda.models.losses.boundary import boundary_losses

CHANNELS = [3, 5, 6, 10]


def build():
    return MODELS.build(
        dict(
            type='CTCFNetHead',
            in_channels=CHANNELS,
            channels=4,
            num_classes=3,
            norm_cfg=dict(type='BN'),
            align_corners=True,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        )
    )


def maps():
    return [torch.randn(2, c, 16 >> i, 24 >> i) for i, c in enumerate(CHANNELS)]


def resized(x, size):
    return F.interpolate(x, size, mode='bilinear', align_corners=True)


def test_the_decoder_equals_the_reimplementation():
    head, inputs = randomize(build()), maps()
    big = [resized(each, (16, 24)) for each in inputs]
    fine = {4: big[3]}
    for i in (3, 2, 1):
        fine[i] = big[i - 1] + linear(head.down[i - 1], fine[i + 1])
    coarse = {1: inputs[0]}
    for i in (2, 3, 4):
        pooled = F.max_pool2d(coarse[i - 1], 3, 2, 1)
        coarse[i] = inputs[i - 1] + linear(head.up[i - 2], pooled)
    both = [fine[i] for i in (1, 2, 3, 4)]
    both += [resized(coarse[i], (16, 24)) for i in (1, 2, 3, 4)]
    x = torch.cat(both, 1)
    assert x.shape[1] == 48
    for block in head.fuse:
        x = layer(block, x, padding=1)
    assert [block.out_channels for block in head.fuse] == [24, 12, 6]
    x = resized(x, (32, 48))
    for block in head.refine:
        x = layer(block, x, padding=1)
    found = head(inputs)
    assert found.shape == (2, 3, 32, 48)
    torch.testing.assert_close(found, linear(head.conv_seg, x), rtol=1e-3, atol=1e-3)


def test_its_losses_are_those_of_the_classes_and_of_the_boundaries_which_it_learns():
    head, inputs = build(), [each.requires_grad_() for each in maps()]
    labels = torch.randint(3, (2, 8, 12)).repeat_interleave(8, 1).repeat_interleave(8, 2)
    labels[0, :8] = 255
    losses = head.loss(inputs, labelled(labels), dict())
    expected = boundary_losses(resized(linear(head.boundary, inputs[1]), (64, 96)), labels)
    classes = F.cross_entropy(resized(head(inputs), (64, 96)), labels, ignore_index=255)
    assert losses['loss_ce'].item() == pytest.approx(classes.item(), rel=1e-4)
    for key, value in expected.items():
        assert losses[key].item() == pytest.approx(value.item(), rel=1e-5)
        (gradient,) = torch.autograd.grad(losses[key], head.boundary.weight, retain_graph=True)
        assert (gradient != 0).all()
    assert {key for key in losses if 'loss' in key} == {'loss_ce', *expected}
