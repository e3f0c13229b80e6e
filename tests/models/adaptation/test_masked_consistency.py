"""Blocks of target images are hidden, and the student learns the labels of the complete images."""

from types import SimpleNamespace

import pytest
import torch
from mmseg.structures import SegDataSample

from depthda.errors import UserError
from depthda.models.adaptation.draws import SampleDraws
from depthda.models.adaptation.masked_consistency import MaskedConsistency

BANDS = 3


def images(num=2, height=16, width=16, channels=BANDS + 1):
    return torch.rand(num, channels, height, width) + 1  # no value is 0


def hidden_of(masked):
    """Return where all bands are 0, and check that none is 0 elsewhere."""
    zero = masked[:, :BANDS] == 0
    assert torch.equal(zero.any(1), zero.all(1))
    return zero.all(1)


def test_the_share_of_hidden_blocks_is_near_the_ratio():
    original = images(40, 32, 32)
    for ratio in (0.3, 0.7):
        shares = hidden_of(MaskedConsistency(4, ratio).hide(original, BANDS)).float().mean((1, 2))
        # 40 images of 64 blocks: the standard deviation of the mean is 0.009.
        assert abs(shares.mean() - ratio) < 0.04
        assert shares.std() > 0.03  # each image has its own blocks
    assert not hidden_of(MaskedConsistency(4, 0).hide(original, BANDS)).any()


@pytest.mark.parametrize('height, width', [(16, 16), (10, 13), (3, 5)])
def test_blocks_are_aligned_and_other_pixels_do_not_change(height, width):
    original = images(30, height, width)
    masked = MaskedConsistency(4, 0.5, depth='keep').hide(original, BANDS)
    hidden = hidden_of(masked)
    assert masked.shape == original.shape and 0 < hidden.sum() < hidden.numel()
    for top in range(0, height, 4):
        for left in range(0, width, 4):
            block = hidden[:, top : top + 4, left : left + 4].flatten(1)
            assert torch.equal(block.any(1), block.all(1))
            assert 0 < block.all(1).sum() < 30  # the last blocks are hidden as often as others
    assert torch.equal(masked, original.masked_fill(hidden[:, None] & (masked == 0), 0))


@pytest.mark.parametrize('mode', ['hide', 'keep', 'complement'])
def test_the_mode_decides_where_depth_is_missing(mode):
    original = images()
    original[:, BANDS, :, 3] = torch.nan
    masked = MaskedConsistency(4, 0.5, depth=mode).hide(original, BANDS)
    hidden = hidden_of(masked)
    missing = {'hide': hidden, 'keep': torch.zeros_like(hidden), 'complement': ~hidden}[mode]
    depth = original[:, BANDS].clone()
    depth[missing] = torch.nan
    torch.testing.assert_close(masked[:, BANDS], depth, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize('mode', ['hide', 'keep', 'complement'])
def test_images_without_depth_are_masked_too(mode):
    original = images(channels=BANDS)
    masked = MaskedConsistency(4, 0.5, depth=mode).hide(original, BANDS)
    hidden = hidden_of(masked)
    assert masked.shape == original.shape and hidden.any() and not hidden.all()


def test_the_loss_is_that_of_masked_images_with_the_labels_of_complete_images():
    calls = []

    def losses(*args):
        calls.append(args)
        return {'decode.loss_ce': torch.tensor(2.0)}

    original, pseudo = images(), (torch.zeros(2, 16, 16), torch.ones(2, 16, 16))
    step = SimpleNamespace(
        target_images=original,
        bands=BANDS,
        augmented=lambda x, name: -x,
        draws=SampleDraws([SegDataSample()] * 2),
        pseudo_labels=pseudo,
        losses=losses,
    )
    assert MaskedConsistency(4, 0.5, weight=0.3, depth='keep')(step) == {'masked.decode.loss_ce': 2}
    ((masked, labels, weights, weight),) = calls
    hidden = hidden_of(masked)
    assert torch.equal(masked[:, BANDS], -original[:, BANDS])
    assert torch.equal(masked[:, :BANDS], -original[:, :BANDS].masked_fill(hidden[:, None], 0))
    assert (labels, weights, weight) == (*pseudo, 0.3)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(depth='drop'), "depth='drop' of MaskedConsistency"),
        (dict(ratio=1.0), r'ratio to a number in \[0, 1\)'),
        (dict(ratio=-0.1), r'ratio to a number in \[0, 1\)'),
        (dict(block=0), 'set block to 1 or more'),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        MaskedConsistency(**arguments)
