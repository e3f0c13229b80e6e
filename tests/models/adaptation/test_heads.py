"""Weights of pixels reach every head, and the heads get their own samplers back."""

import pytest
import torch
from labelled_samples import labelled
from mmseg.registry import MODELS
from tiny_adaptation import CLASSES, segmentor
from torch import nn
from torch.nn import functional as F

from depthda.models.adaptation.heads import pixel_weights
from depthda.models.features import GuidedFeatures

SIDE = 8
FCN = dict(
    type='FCNHead', in_channels=4, in_index=0, channels=4, num_convs=1, concat_input=False,
    dropout_ratio=0, num_classes=CLASSES, norm_cfg=dict(type='BN'), align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
)  # fmt: skip
OHEM = FCN | dict(sampler=dict(type='OHEMPixelSampler', thresh=0.2, min_kept=10))


def batch():
    """Return features, labels with ignored pixels, and weights."""
    labels = torch.randint(CLASSES, (2, SIDE, SIDE))
    labels[:, 2:4] = 255
    return [torch.randn(2, 4, 4, 4)], labels, torch.rand(2, SIDE, SIDE)


def expected_loss(logits, labels, weights):
    """Return sum(w ce) / (number of labelled pixels), pixel by pixel."""
    logits = F.interpolate(logits, (SIDE, SIDE), mode='bilinear')
    parts = [
        weights[n, y, x] * -logits[n, :, y, x].log_softmax(0)[labels[n, y, x]]
        for n, y, x in (labels != 255).nonzero().tolist()
    ]
    return sum(parts) / len(parts)


@pytest.mark.parametrize('constant', [None, 0.0, 0.25])
def test_the_loss_of_a_head_is_the_weighted_mean_over_labelled_pixels(constant):
    head = MODELS.build(FCN)
    features, labels, weights = batch()
    if constant is not None:
        weights.fill_(constant)
    with pixel_weights(nn.ModuleList([head]), weights):
        loss = head.loss(features, labelled(labels), {})['loss_ce']
    torch.testing.assert_close(loss, expected_loss(head(features), labels, weights))
    plain = head.loss(features, labelled(labels), {})['loss_ce']
    torch.testing.assert_close(
        plain, expected_loss(head(features), labels, torch.ones_like(weights))
    )


def test_the_heads_of_a_segmentor_are_weighted_and_restored_even_after_an_exception():
    model = MODELS.build(segmentor())
    heads = model.decode_head, model.auxiliary_head
    images, labels = torch.randn(2, 3, 32, 32), torch.randint(CLASSES, (2, 32, 32))
    unweighted = model.loss(images, labelled(labels))
    with pixel_weights(model, torch.full((2, 32, 32), 0.25)):
        weighted = model.loss(images, labelled(labels))
    for name in ('decode.loss_ce', 'aux.loss_ce'):
        torch.testing.assert_close(weighted[name], 0.25 * unweighted[name])
    assert all(head.sampler is None for head in heads)
    with pytest.raises(ZeroDivisionError), pixel_weights(model, torch.ones(2, 32, 32)):
        assert all(head.sampler is not None for head in heads)
        raise ZeroDivisionError
    assert all(head.sampler is None for head in heads)
    assert model.loss(images, labelled(labels)) == unweighted


def test_the_inner_head_of_a_refined_head_is_weighted():
    settings = dict(head=FCN, depth_channels=3, channels=4, norm_cfg=dict(type='BN'))
    head = MODELS.build(dict(type='DepthRefinedHead', **settings))
    features, labels, weights = batch()
    features = GuidedFeatures(features, [torch.randn(2, 3, 4, 4)])
    with pixel_weights(nn.ModuleList([head]), weights):
        losses = head.loss(features, labelled(labels), {})
    for name, logits in (('loss_ce', head.head(features)), ('refined.loss_ce', head(features))):
        torch.testing.assert_close(losses[name], expected_loss(logits, labels, weights))
    assert head.head.sampler is None


def test_a_head_with_hard_example_mining_keeps_it_and_multiplies_the_weights():
    head = MODELS.build(OHEM)
    own = head.sampler
    head.conv_seg.weight.data.normal_()
    features, labels, weights = batch()
    logits = F.interpolate(head(features), (SIDE, SIDE), mode='bilinear')
    mined = own.sample(logits, labels[:, None])
    assert 0 < mined.mean() < (labels != 255).float().mean()  # some labelled pixels are left out
    with pixel_weights(nn.ModuleList([head]), weights):
        loss = head.loss(features, labelled(labels), {})['loss_ce']
    torch.testing.assert_close(loss, expected_loss(head(features), labels, weights * mined))
    assert head.sampler is own


def test_nested_weights_multiply():
    head = MODELS.build(FCN)
    features, labels, weights = batch()
    model, half = nn.ModuleList([head]), torch.full_like(weights, 0.5)
    with pixel_weights(model, weights), pixel_weights(model, half):
        loss = head.loss(features, labelled(labels), {})['loss_ce']
    torch.testing.assert_close(loss, expected_loss(head(features), labels, weights / 2))
