"""The loss of the contrastive neck equals a loop over positions."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from depthda.errors import UserError
from depthda.models.features import PairedFeatures

BN = dict(type='BN', requires_grad=True)


def neck(**changes):
    torch.manual_seed(0)
    fusion = dict(type='ConcatFusion', rgb_channels=[6, 8], depth_channels=[4, 5])
    settings = dict(fusion=fusion, scale_weights=[0.2, 0.5], channels=7, norm_cfg=BN) | changes
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(dict(type='MultiScaleContrastiveNeck', **settings))


def features(size=16, images=2):
    g = torch.Generator().manual_seed(1)
    shapes = [[(c, size, size), (d, size // 2, size // 2)] for c, d in ((6, 8), (4, 5))]
    maps = [tuple(torch.randn(images, *s, generator=g) for s in encoder) for encoder in shapes]
    return PairedFeatures(*maps)


def everywhere(size=64, images=2):
    return torch.ones(images, size, size, dtype=torch.bool)


def test_the_loss_is_the_weighted_mean_of_enhanced_against_rgb(monkeypatch):
    """Repeat every step by loops, with a plain sum instead of the InfoNCE loss."""
    model, maps = neck(), features()
    seen = []

    def stand_in(anchors, keys, valid):
        seen.append((anchors, keys))
        assert valid.all()
        return (anchors * keys).sum()

    monkeypatch.setattr(model.contrast_loss, 'forward', stand_in)
    losses = model.loss(maps, everywhere())
    expected = 0.0
    for scale in (0, 1):
        pooled = [torch.nn.functional.avg_pool2d(encoder[scale], 4) for encoder in maps]
        r, d = model.rgb_projections[scale](pooled[0]), model.depth_projections[scale](pooled[1])
        enhanced = 0.7 * r + 0.3 * d
        for image, y, x in np.ndindex(2, *r.shape[2:]):
            row = y * r.shape[3] + x
            torch.testing.assert_close(seen[scale][0][image, row], enhanced[image, :, y, x])
            torch.testing.assert_close(seen[scale][1][image, row], r[image, :, y, x])
        expected += (0.2, 0.5)[scale] * (enhanced * r).sum() / 2
    torch.testing.assert_close(losses['loss_contrast'], expected)


def test_depth_rgb_contrasts_in_both_directions(monkeypatch):
    model, maps = neck(pair='depth-rgb'), features()
    pairs = []

    def count(anchors, keys, _):
        pairs.append((anchors, keys))
        return torch.tensor(float(len(pairs)))

    monkeypatch.setattr(model.contrast_loss, 'forward', count)
    losses = model.loss(maps, everywhere())
    assert pairs[0][0] is pairs[1][1] and pairs[0][1] is pairs[1][0]
    assert losses['loss_contrast'].item() == pytest.approx((0.2 * 1.5 + 0.5 * 3.5) / 2)
    assert not hasattr(model, 'mix')


def test_only_the_loss_has_loss_in_its_name_and_the_share_starts_as_set():
    assert neck().mix[0].sigmoid().item() == pytest.approx(0.3, rel=1e-6)  # as released
    losses = neck(depth_share=0.4).loss(features(), everywhere())
    assert [key for key in losses if 'loss' in key] == ['loss_contrast']
    assert float(losses['depth_share_1']) == pytest.approx(0.4)
    assert not losses['scale_0'].requires_grad


@pytest.mark.parametrize('pair', ['enhanced-rgb', 'depth-rgb'])
def test_every_parameter_learns(pair):
    model = neck(pair=pair)
    model.loss(features(), everywhere())['loss_contrast'].backward()
    for name, parameter in model.named_parameters():
        # The convolutions have no bias, because the norm would remove it.
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_cells_without_label_or_depth_do_not_change_the_loss():
    """The features in the lower half, which is masked, may even be NaN."""
    model, maps, valid = neck(), features(32), everywhere(128)
    valid[:, 64:] = False
    torch.manual_seed(3)
    before = model.loss(maps, valid)['loss_contrast']
    for feature in (*maps.rgb, *maps.depth):
        feature[:, :, feature.shape[2] // 2 :] = torch.nan
    torch.manual_seed(3)
    after = model.loss(maps, valid)['loss_contrast']
    assert after == before and before > 0


@pytest.mark.parametrize('share', [0.15, 0.3])
def test_the_mean_of_the_features_does_not_change_the_loss_if_cells_are_invalid(share):
    """Batch norm removes the mean; invalid cells, whose features are 0, must not shift it."""
    losses = []
    for level in (0, 1, 2, 4):  # the mean of the pooled features, in standard deviations
        model, maps = neck(), features(64, images=4)
        valid = everywhere(256, images=4)
        valid[:, :, : round(share * 256)] = False
        for feature in (*maps.rgb, *maps.depth):
            signs = torch.arange(feature.shape[1]) % 2 * 2 - 1
            feature += level / 4 * signs.view(-1, 1, 1)
        torch.manual_seed(3)
        logged = model.loss(maps, valid)
        losses.append([logged['scale_0'].item(), logged['scale_1'].item()])
    for loss in losses[1:]:
        assert loss == pytest.approx(losses[0], rel=0.01)


def test_a_cell_averages_only_its_valid_positions():
    model, maps, valid = neck(), features(8, images=1), everywhere(8, images=1)
    valid[0, 0, :4] = False  # the first row of the first cell at scale 0
    r, d, cells = model._pool(maps.rgb[0], maps.depth[0], valid)
    torch.testing.assert_close(r[0, :, 0, 0], maps.rgb[0][0, :, 1:4, :4].mean((1, 2)))
    torch.testing.assert_close(d[0, :, 1, 1], maps.depth[0][0, :, 4:, 4:].mean((1, 2)))
    assert cells.all()
    valid[0, :3, :4] = False  # only a quarter of the first cell is valid
    cells = model._pool(maps.rgb[0], maps.depth[0], valid)[2]
    assert cells.tolist() == [[[False, True], [True, True]]]
    # The edges of sizes that are not multiples of four have smaller cells.
    r, _, cells = model._pool(torch.ones(1, 6, 9, 9), torch.ones(1, 4, 9, 9), everywhere(36, 1))
    assert r.shape[2:] == (3, 3) and cells.all()
    torch.testing.assert_close(r, torch.ones_like(r))


def test_a_scale_with_only_one_cell_is_skipped():
    model, maps = neck(), features(4, images=1)  # both scales have one cell
    losses = model.loss(maps, everywhere(16, 1))
    assert losses['loss_contrast'] == 0 and 'scale_0' not in losses
    maps = features(8, images=1)  # the scales have 2×2 cells and one cell
    losses = model.loss(maps, everywhere(32, 1))
    assert losses['loss_contrast'] > 0 and 'scale_0' in losses and 'scale_1' not in losses
    losses['loss_contrast'].backward()
    skipped = model.rgb_projections[1].conv.weight.grad
    assert skipped is not None and (skipped == 0).all()  # distributed training waits for it


def test_without_valid_pixels_the_loss_is_0_and_projections_need_no_norm():
    model = neck()
    loss = model.loss(features(), ~everywhere())['loss_contrast']
    loss.backward()
    assert loss == 0
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert neck(norm_cfg=None).loss(features(), everywhere())['loss_contrast'] > 0


def test_the_neck_only_fuses_when_testing():
    model, maps = neck(), features()
    out = model(maps)
    for fused, rgb, depth in zip(out, *maps, strict=True):
        assert torch.equal(fused, torch.cat([rgb, depth], 1))
    assert out.depth == maps.depth and model.out_channels == [10, 13]


def test_the_contrast_falls_when_features_agree():
    """If depth equals RGB, anchors equal keys, and the loss is minimal."""
    model, maps = neck(pair='depth-rgb'), features(16)
    different = model.loss(maps, everywhere())['loss_contrast']
    model.depth_projections = model.rgb_projections
    equal = model.loss(PairedFeatures(maps.rgb, maps.rgb), everywhere())['loss_contrast']
    assert equal < different


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(scale_weights=[1.0]), '1 scale_weights, but its fusion has 2 scales'),
        (dict(pair='rgb'), 'enhanced-rgb'),
        (dict(depth_share=1.0), 'between 0 and 1'),
        (dict(norm_cfg=dict(type='GN', num_groups=7)), "GroupNorm, which cannot.*type='BN'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        neck(**settings)
