import pytest
import torch
from mmseg.models.decode_heads import decode_head
from mmseg.models.losses import accuracy

from depthda.models.losses.pixel_accuracy import pixel_accuracy


@pytest.mark.parametrize('ignore_index', [None, 255])
def test_it_equals_the_accuracy_of_mmseg(ignore_index):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 7, 6, generator=draw)
    labels = torch.randint(0, 5, (2, 7, 6), generator=draw)
    if ignore_index is not None:
        labels[:, :3] = ignore_index
    value = pixel_accuracy(logits, labels, ignore_index=ignore_index)
    expected = accuracy(logits, labels, ignore_index=ignore_index)
    assert value.shape == expected.shape == (1,)
    torch.testing.assert_close(value, expected)


def test_if_all_pixels_are_ignored_it_is_that_of_mmseg():
    logits, labels = torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), 255)
    value = pixel_accuracy(logits, labels, ignore_index=255)
    torch.testing.assert_close(value, accuracy(logits, labels, ignore_index=255))


def test_the_heads_of_mmseg_use_it():
    assert decode_head.accuracy is pixel_accuracy
