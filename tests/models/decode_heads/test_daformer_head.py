"""The head equals a reimplementation with functions, and has the size of the published one."""

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

STAGES = (3, 5, 6, 4)


def build(in_channels=STAGES, classes=3, align_corners=False, **settings):
    config = dict(
        type='DAFormerHead',
        in_channels=list(in_channels),
        in_index=list(range(len(in_channels))),
        num_classes=classes,
        norm_cfg=dict(type='BN'),
        align_corners=align_corners,
    )
    return MODELS.build(config | settings)


def maps(channels=STAGES):
    """Return feature maps with strides 1, 2, 4 and 8 of the finest, which is 16 × 24."""
    return [torch.randn(2, c, 16 >> i, 24 >> i) for i, c in enumerate(channels)]


def layer(block, x, **settings):
    """Apply a convolution without bias, batch norm with running statistics, and ReLU."""
    assert block.conv.bias is None
    x, norm = F.conv2d(x, block.conv.weight, **settings), block.bn
    mean, var, weight, bias = (
        values.view(1, -1, 1, 1)
        for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return ((x - mean) / (var + 1e-5).sqrt() * weight + bias).relu()


def reference(head, inputs, dilations, **resizing):
    size, embedded = inputs[0].shape[2:], []
    for x, embedding in zip(inputs, head.embeddings, strict=True):
        # A linear layer on the channels of each position.
        x = F.linear(x.movedim(1, -1), embedding.weight[:, :, 0, 0], embedding.bias).movedim(-1, 1)
        embedded.append(F.interpolate(x, size, mode='bilinear', **resizing))
    x, outputs = torch.cat(embedded, 1), []
    for branch, rate in zip(head.branches, dilations, strict=True):
        if rate == 1:
            outputs.append(layer(branch, x))
        else:
            around = dict(padding=rate, dilation=rate, groups=x.shape[1])
            outputs.append(layer(branch.pointwise_conv, layer(branch.depthwise_conv, x, **around)))
    x = layer(head.bottleneck, torch.cat(outputs, 1), padding=1)
    return F.conv2d(x, head.conv_seg.weight, head.conv_seg.bias)


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('dilations', [(1, 2, 3), (2,)])
def test_the_head_equals_the_reimplementation(dilations, align_corners):
    head = build(
        channels=7, embed_channels=4, dilations=dilations, align_corners=align_corners,
    ).eval()  # fmt: skip
    for name, values in head.state_dict().items():
        if values.ndim == 1:  # norms and biases
            values.uniform_(0.5, 1.5) if 'var' in name else values.normal_()
    head.conv_seg.weight.data.normal_()
    inputs = maps()
    logits = head(inputs)
    assert logits.shape == (2, 3, 16, 24)
    expected = reference(head, inputs, dilations, align_corners=align_corners)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_logits_have_the_size_of_the_finest_map_and_every_parameter_learns():
    head = build(channels=8, embed_channels=4, classes=5, in_channels=STAGES[:2])
    logits = head(maps(STAGES[:2]))
    assert logits.shape == (2, 5, 16, 24)
    logits.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    predicted = head.eval().predict(maps(STAGES[:2]), [dict(img_shape=(64, 96))] * 2, {})
    assert predicted.shape == (2, 5, 64, 96)


def test_chosen_stages_are_read_in_their_order():
    head = build(STAGES[1:3], channels=8, embed_channels=4, in_index=[1, 2]).eval()
    inputs = maps()
    logits = head(inputs)
    assert logits.shape[2:] == (8, 12)
    torch.testing.assert_close(logits, reference(head, inputs[1:3], (1, 6, 12, 18)))
