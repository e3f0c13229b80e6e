"""The classifier of DeepLabV2 is a sum of dilated convolutions."""

import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

LOSS = dict(type='CrossEntropyLoss', avg_non_ignore=True)


def build(in_channels, num_classes, **settings):
    config = dict(type='DeepLabV2Head', in_channels=in_channels, num_classes=num_classes)
    return MODELS.build(config | dict(in_index=1, loss_decode=LOSS, align_corners=True) | settings)


def test_logits_are_the_sum_of_four_dilated_convolutions():
    head = build(6, 3)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    features = [torch.randn(2, 4, 40, 30), torch.randn(2, 6, 20, 15)]
    expected = torch.zeros(2, 3, 20, 15)
    weights = list(head.parameters())
    for number, rate in enumerate((6, 12, 18, 24)):
        weight, bias = weights[2 * number : 2 * number + 2]
        padded = F.pad(features[1], [rate] * 4)
        for y in range(3):
            for x in range(3):
                moved = padded[:, :, y * rate : y * rate + 20, x * rate : x * rate + 15]
                expected += torch.einsum('kc,nchw->nkhw', weight[:, :, y, x], moved)
        expected += bias[:, None, None]
    torch.testing.assert_close(head(features), expected, rtol=1e-4, atol=1e-4)


def test_it_has_only_the_parameters_of_the_convolutions_with_their_initial_spread():
    torch.manual_seed(0)
    head = build(2048, 7)
    head.init_weights()
    assert sum(parameter.numel() for parameter in head.parameters()) == 4 * 7 * (2048 * 9 + 1)
    for branch in head.branches:
        assert abs(branch.weight.std() - 0.01) < 1e-4 and (branch.bias == 0).all()
    assert [branch.dilation for branch in build(2, 7, dilations=(1, 5)).branches] == [
        (1, 1),
        (5, 5),
    ]
    assert head.dropout is None
