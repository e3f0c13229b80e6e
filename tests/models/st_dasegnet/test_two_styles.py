"""Selection, shared features and heads of ST-DASegNet equal loops over channels."""

import numpy as np
import torch
from labelled_samples import labelled
from mmseg.registry import MODELS
from tiny_styles import styled
from torch.nn import functional as F

from depthda.models.st_dasegnet.two_styles import (
    ChannelSelection,
    StyleFeatures,
    StyleSelection,
    UniversalFeatures,
)

C = 6


def maps():
    return torch.randn(2, C, 3, 4), torch.randn(2, C, 3, 4)


def test_channels_of_both_styles_are_weighted_against_each_other():
    selection, (source, target) = ChannelSelection(C, reduction=2, least=4), maps()
    assert selection.squeeze.out_features == 4
    found = selection(source, target)
    weight, bias = (each.detach() for each in selection.squeeze.parameters())
    for n in range(2):
        means = [(source[n, c] + target[n, c]).mean() for c in range(C)]
        z = [sum(weight[k, c] * means[c] for c in range(C)) + bias[k] for k in range(4)]
        for c in range(C):
            powers = [
                (sum(style.weight[c, k] * z[k] for k in range(4)) + style.bias[c]).exp()
                for style in selection.styles
            ]
            for result, given, power in zip(found, (source, target), powers, strict=True):
                torch.testing.assert_close(result[n, c], given[n, c] * power / sum(powers))


def test_shared_features_attend_to_channels_that_are_unlike():
    universal, (source, target) = UniversalFeatures(C, 2), maps()
    merged = universal.merge((source + target) / 2).detach()
    found = universal(source, target)
    assert [each.shape for each in found] == [(2, 2, 3, 4)] * 2
    for n in range(2):
        attention = np.zeros((C, C))
        for given in (source, target):
            energy = np.zeros((C, C))
            for i, j in np.ndindex(C, C):
                energy[i, j] = (given[n, i] * merged[n, j]).sum()
            for i in range(C):
                powers = np.exp(energy[i].max() - energy[i])
                attention[i] += powers / powers.sum() / 2
        for result, given, conv in zip(found, (source, target), universal.styles, strict=True):
            mixed = [sum(attention[i, j] * given[n, j] for j in range(C)) for i in range(C)]
            weight, bias = conv.conv.weight, conv.conv.bias
            expected = F.conv2d(torch.stack(mixed)[None], weight, bias, padding=1).relu()
            torch.testing.assert_close(result[n], expected[0], rtol=1e-3, atol=1e-4)


def test_the_last_stage_has_an_eighth_more_channels():
    neck = StyleSelection([8, 16])
    features = StyleFeatures(
        *((torch.randn(1, 8, 4, 4), torch.randn(1, 16, 2, 2)) for _ in range(2))
    )
    found = neck(features)
    for own in found:
        assert [part.shape[1] for part in own] == [8, 18]
    first = neck.selections[0](features.source[0], features.target[0])
    torch.testing.assert_close(found.source[0], first[0])
    shared = neck.universal(features.source[1], features.target[1])
    torch.testing.assert_close(found.target[1][:, 16:], shared[1])


def test_each_head_reads_its_style_and_they_predict_by_the_mean_of_their_logits():
    model = MODELS.build(styled()).eval()
    for head in model.decode_head.copies:
        torch.nn.init.normal_(head.conv_seg.weight)
    images = torch.randn(2, 3, 32, 32)
    encoded = model.backbone(images)
    for own, encoder in zip(encoded, (model.backbone.source, model.backbone.target), strict=True):
        assert all(map(torch.equal, own, encoder(images)))
    features = model.neck(encoded)
    source, target = (
        head(own) for head, own in zip(model.decode_head.copies, features, strict=True)
    )
    torch.testing.assert_close(model(images), (source + target) / 2)
    samples = labelled(torch.randint(5, (2, 32, 32)))
    losses = model.loss(images, samples)
    for name, logits in (('first', source), ('second', target)):
        own = F.interpolate(logits, (32, 32), mode='bilinear')
        labels = torch.cat([sample.gt_sem_seg.data for sample in samples])
        expected = F.cross_entropy(own, labels, ignore_index=255)
        torch.testing.assert_close(losses[f'decode.{name}.loss_ce'], expected)
