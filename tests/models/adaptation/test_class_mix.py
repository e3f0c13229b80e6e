"""Mixed images consist of pixels of the source and of the target, with all their channels."""

import numpy as np
import pytest
import torch

from depthda.models.adaptation.class_mix import (
    ClassMix,
    LabelledImages,
    chosen_classes,
    match_depth,
)

BANDS, SIDE = 3, 6
CLASSES = [(0, 1, 2, 3, 4), (2, 5, 255), (3,)]  # of the source images; 3, 1 and 1 are pasted


def pair(channels=BANDS + 1):
    """Return source and target whose values differ from pixel to pixel."""
    shape = len(CLASSES), channels, SIDE, SIDE
    values = torch.arange(float(np.prod(shape))).view(shape) + 1
    labels = torch.stack([torch.tensor(c)[torch.randperm(SIDE**2) % len(c)] for c in CLASSES])
    labels = labels.view(-1, SIDE, SIDE)
    ones, share = torch.ones(labels.shape), torch.full(labels.shape, 0.25)
    return (
        LabelledImages(values, labels, ones),
        LabelledImages(-values, torch.full_like(labels, 7), share),
    )


def test_each_pixel_comes_from_the_source_or_from_the_target_with_all_channels():
    source, target = pair()
    mixed = ClassMix()(source, target, BANDS, 6)
    pasted = mixed.weights == 1
    assert 0 < pasted.sum() < pasted.numel()
    for result, first, second in zip(mixed, source, target, strict=True):
        mask = pasted[:, None] if result.ndim == 4 else pasted
        assert torch.equal(result, torch.where(mask, first, second))
        assert result.dtype == second.dtype


@pytest.mark.parametrize('seed', range(5))
def test_half_of_the_classes_rounded_up_are_pasted_with_all_their_pixels(seed):
    torch.manual_seed(seed)
    source, target = pair()
    pasted = ClassMix()(source, target, BANDS, 6).weights == 1
    counts = []
    for labels, mask in zip(source.labels, pasted, strict=True):
        inside, outside = set(labels[mask].tolist()), set(labels[~mask].tolist())
        assert not inside & outside and 255 not in inside
        counts.append(len(inside))
    assert counts == [3, 1, 1]


def test_every_class_is_chosen_equally_often():
    labels = torch.tensor([[0, 1], [6, 255]]).expand(600, 2, 2)
    counts = chosen_classes(labels, torch.rand(600, 7)).sum(0)
    assert counts[1, 1] == 0
    shares = counts.flatten()[:3] / 600
    assert (shares - 2 / 3).abs().max() < 0.08  # four standard deviations


def test_a_source_without_labels_does_not_change_the_target():
    source, target = pair()
    source.labels.fill_(255)
    for matched in (False, True):
        for actual, expected in zip(
            ClassMix(matched)(source, target, BANDS, 6), target, strict=True
        ):
            assert torch.equal(actual, expected)


@pytest.mark.parametrize('matched', [False, True])
def test_missing_depth_is_pasted_with_its_pixel(matched):
    source, target = pair()
    source.images[:, BANDS, ::2] = torch.nan
    target.images[:, BANDS, :, ::3] = torch.nan
    mixed = ClassMix(matched)(source, target, BANDS, 6)
    pasted = mixed.weights == 1
    expected = torch.where(pasted, source.images[:, BANDS].isnan(), target.images[:, BANDS].isnan())
    assert 0 < (expected & pasted).sum() < pasted.sum()
    assert torch.equal(mixed.images[:, BANDS].isnan(), expected)
    assert mixed.images[:, :BANDS].isfinite().all()


def test_matching_changes_only_the_depth_of_pasted_pixels():
    source, target = pair()
    before = source.images.clone()
    torch.manual_seed(1)
    plain = ClassMix()(source, target, BANDS, 6)
    torch.manual_seed(1)
    mixed = ClassMix(match_depth=True)(source, target, BANDS, 6)
    pasted = mixed.weights == 1
    assert torch.equal(mixed.images[:, :BANDS], plain.images[:, :BANDS])
    assert torch.equal(mixed.labels, plain.labels)
    depth = match_depth(source.images[:, BANDS], target.images[:, BANDS])
    expected = torch.where(pasted, depth, target.images[:, BANDS])
    assert torch.equal(mixed.images[:, BANDS], expected)
    assert not torch.equal(expected, plain.images[:, BANDS])
    assert torch.equal(source.images, before)  # other parts of the iteration use it, too


def test_optical_images_are_mixed_without_depth():
    source, target = pair(BANDS)
    mixed = ClassMix(match_depth=True)(source, target, BANDS, 6)
    assert mixed.images.shape == target.images.shape and (mixed.images[:, 0] > 0).any()


def quartiles(depth):
    return np.nanpercentile(depth.flatten(1).double().numpy(), [25, 50, 75], axis=1)


def test_matched_depth_has_the_median_and_spread_of_the_other_map():
    depth, other = torch.randn(3, 9, 7), torch.randn(3, 9, 7) ** 2 * 4 + 10
    depth[0, 2:4] = torch.nan
    other[1, :, 5:] = torch.nan
    matched = match_depth(depth, other)
    assert torch.equal(matched.isnan(), depth.isnan())
    (low, middle, high), (other_low, other_middle, other_high) = map(quartiles, (matched, other))
    np.testing.assert_allclose(middle, other_middle, rtol=1e-5)
    np.testing.assert_allclose(high - low, other_high - other_low, rtol=1e-4)
    # An affine map with a positive factor keeps the order of heights.
    for before, after in zip(depth, matched, strict=True):
        valid = before.isfinite()
        assert torch.equal(before[valid].argsort(), after[valid].argsort())


def test_depth_without_another_map_is_unchanged_and_flat_depth_gets_its_median():
    flat, varied, missing = (
        torch.full((4, 4), 2.5),
        torch.randn(4, 4),
        torch.full((4, 4), torch.nan),
    )
    flat[0, 0] = torch.nan
    depth = torch.stack([flat, varied, missing])
    actual = match_depth(depth, torch.stack([varied, missing, varied]))
    torch.testing.assert_close(actual[1:], depth[1:], rtol=0, atol=0, equal_nan=True)
    expected = torch.full((4, 4), float(varied.quantile(0.5)))
    expected[0, 0] = torch.nan
    torch.testing.assert_close(actual[0], expected, equal_nan=True)


@pytest.mark.parametrize('factor, expected', [(100, 10), (4, 4), (0.25, 0.25), (0.01, 0.1)])
def test_spreads_change_by_a_factor_of_ten_at_most(factor, expected):
    depth = torch.linspace(-1, 1, 16).view(1, 4, 4)
    torch.testing.assert_close(match_depth(depth, factor * depth + 3), expected * depth + 3)


def test_the_classes_with_the_smallest_keys_are_chosen():
    labels = torch.tensor([[[0, 1, 2, 255]], [[3, 3, 0, 0]]])
    keys = torch.tensor([[0.7, 0.2, 0.3, 0.1], [0.5, 0.0, 0.0, 0.6]])
    assert chosen_classes(labels, keys).tolist() == [
        [[False, True, True, False]],
        [[False, False, True, True]],
    ]
