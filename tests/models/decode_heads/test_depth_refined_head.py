"""The refinement equals its formula, and the wrapped head works as without refinement."""

import pytest
import torch
import torch.nn.functional as F
from labelled_samples import labelled
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from depthda.errors import UserError
from depthda.models.features import GuidedFeatures

BN = dict(type='BN', requires_grad=True)
CE = dict(type='CrossEntropyLoss', avg_non_ignore=True)
FCN = dict(
    type='FCNHead', in_channels=6, in_index=0, channels=5, num_convs=1, concat_input=False,
    dropout_ratio=0, num_classes=3, norm_cfg=BN, loss_decode=CE,
)  # fmt: skip


def build(head=FCN, **changes):
    torch.manual_seed(0)
    settings = dict(head=head, depth_channels=4, channels=8, norm_cfg=BN) | changes
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(dict(type='DepthRefinedHead', **settings))


def inputs(size=8, depth_size=8):
    g = torch.Generator().manual_seed(1)
    fused = torch.randn(2, 6, size, size, generator=g)
    depth = torch.randn(2, 4, depth_size, depth_size, generator=g)
    return GuidedFeatures([fused], [depth])


def samples(size=32, ignored_from=None):
    labels = torch.randint(3, (2, size, size), generator=torch.Generator().manual_seed(2))
    if ignored_from is not None:
        labels[:, ignored_from:] = 255
    return labelled(labels)


def conv(module, x):
    """Apply convolution, norm with the statistics of the batch, and ReLU."""
    x = F.conv2d(x, module.conv.weight, module.conv.bias, padding=1)
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    x = (x - mean) / (var + 1e-5).sqrt()
    return (x * module.bn.weight.view(1, -1, 1, 1) + module.bn.bias.view(1, -1, 1, 1)).relu()


@pytest.mark.parametrize('size, depth_size, larger', [(8, 8, 8), (4, 8, 8), (8, 4, 8)])
def test_refined_logits_equal_the_formula_and_are_predicted(size, depth_size, larger):
    model, features = build(), inputs(size, depth_size)
    z = model.head(features)
    refined = model.refine(z, features)
    z, d = (F.interpolate(x, (larger, larger), mode='bilinear') for x in (z, features.depth[0]))
    both = torch.cat([conv(model.logits_branch, z), conv(model.depth_branch, d)], 1)
    residual = F.conv2d(conv(model.merge, both), model.residual.weight, model.residual.bias)
    expected = z + 1 / (1 + torch.exp(torch.tensor(-0.3))) * residual
    torch.testing.assert_close(refined, expected, rtol=1e-4, atol=1e-5)
    expected = F.interpolate(model.eval()(features), (32, 32), mode='bilinear')
    metas = [sample.metainfo for sample in samples()]
    torch.testing.assert_close(model.predict(features, metas, {}), expected)
    raw = F.interpolate(model.head(features), (larger, larger), mode='bilinear')
    assert not torch.allclose(model(features), raw)


def test_the_losses_of_the_head_apply_to_raw_and_refined_logits_and_every_parameter_learns():
    model, features, batch = build(), inputs(), samples()
    losses = model.loss(features, batch, {})
    # The logged step is the sigmoid of the parameter.
    assert float(losses['step']) == pytest.approx(0.5744, abs=1e-4)
    (losses['loss_ce'] + losses['refined.loss_ce']).backward(retain_graph=True)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    labels = torch.cat([sample.gt_sem_seg.data for sample in batch])
    for key, logits in (('loss_ce', model.head(features)), ('refined.loss_ce', model(features))):
        expected = F.cross_entropy(F.interpolate(logits, (32, 32), mode='bilinear'), labels)
        torch.testing.assert_close(losses[key], expected, rtol=1e-4, atol=1e-5)


def test_weights_scale_only_the_losses():
    plain = build().loss(inputs(), samples(), {})
    weighted = build(raw_weight=2.0, refined_weight=0.5).loss(inputs(), samples(), {})
    torch.testing.assert_close(weighted['loss_ce'], 2 * plain['loss_ce'])
    torch.testing.assert_close(weighted['refined.loss_ce'], 0.5 * plain['refined.loss_ce'])
    torch.testing.assert_close(weighted['refined.acc_seg'], plain['refined.acc_seg'])


def test_the_wrapped_head_may_have_several_losses_and_a_sampler():
    sampler = dict(type='OHEMPixelSampler', thresh=0.3, min_kept=10)
    two = [dict(CE, loss_name='loss_ce'), dict(CE, loss_name='loss_two', loss_weight=3.0)]
    head = dict(FCN, loss_decode=two, sampler=sampler)
    losses = build(head).loss(inputs(), samples(), {})
    torch.testing.assert_close(losses['refined.loss_two'], 3 * losses['refined.loss_ce'])
    plain = build().loss(inputs(), samples(), {})
    assert losses['loss_ce'] != plain['loss_ce']  # the sampler leaves pixels out


def test_ignored_pixels_do_not_change_the_loss():
    """The model is in eval mode, so that the norm does not mix pixels."""
    model, batch = build().eval(), samples(size=64, ignored_from=32)
    features = inputs(16, 16)
    before = model.loss(features, batch, {})
    # Labels end at row 8 of the features; three kernels and the interpolation reach 4 more rows.
    features[0][:, :, 13:] = 100.0
    features.depth[0][:, :, 13:] = -100.0
    after = model.loss(features, batch, {})
    for key in ('loss_ce', 'refined.loss_ce'):
        torch.testing.assert_close(after[key], before[key])


def test_features_without_depth_or_with_other_channels_are_refused():
    with pytest.raises(UserError, match='DualBackbone and a fusion neck'):
        build().loss(tuple(inputs()), samples(), {})
    with pytest.raises(UserError, match='depth_channels=6, but the first stage .* has 4 channels'):
        build(depth_channels=6)(inputs())


def test_the_attributes_of_the_wrapped_head_are_available():
    model = build()
    for key in ('num_classes', 'out_channels', 'align_corners', 'threshold', 'ignore_index'):
        assert getattr(model, key) == getattr(model.head, key)


def test_the_last_convolution_can_be_initialised_as_released():
    """Kaiming uses the fan-out: std sqrt(2 / classes); PyTorch's std is 1 / sqrt(3 · inputs)."""
    head, kaiming = dict(FCN, num_classes=7), dict(type='Kaiming', override=dict(name='residual'))
    default, released = build(head, channels=64), build(head, channels=64, init_cfg=kaiming)
    for model in (default, released):
        model.init_weights()
    assert default.residual.weight.std().item() == pytest.approx(1 / (3 * 64) ** 0.5, rel=0.1)
    assert released.residual.weight.std().item() == pytest.approx((2 / 7) ** 0.5, rel=0.1)
    assert not released.residual.bias.any()
    # The wrapped head keeps its own initialisation.
    assert released.head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.5)
