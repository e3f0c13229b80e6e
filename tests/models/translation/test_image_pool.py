"""The pool of earlier translations follows its rule, and is restored from a checkpoint."""

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict

from depthda.checkpoints.fit import complete_weights
from depthda.errors import UserError
from depthda.models.translation.image_pool import ImagePool


def image(value):
    return torch.full((1, 1, 2, 2), float(value))


def feed(pool, values, seed=0):
    """Show images of one value to a pool, each in an iteration with its own seed."""
    shown = []
    for value in values:
        torch.manual_seed(1000 * seed + value)
        shown.append(int(pool(image(value))[0, 0, 0, 0]))
    return shown


def by_hand(values, size, seed=0):
    """Return what a pool shows, and its content, with numbers in place of images."""
    kept, shown = [], []
    for value in values:
        torch.manual_seed(1000 * seed + value)
        if len(kept) < size:
            kept.append(value)
            shown.append(value)
        elif torch.rand(1).item() < 0.5:
            place = torch.randint(0, size, (1,)).item()
            shown.append(kept[place])
            kept[place] = value
        else:
            shown.append(value)
    return shown, kept


@pytest.mark.parametrize('size', [1, 3, 50])
def test_a_pool_shows_and_keeps_what_its_rule_says(size):
    pool, values = ImagePool(size), range(200)
    shown, kept = by_hand(values, size)
    assert feed(pool, values) == shown
    assert pool.images[:, 0, 0, 0].tolist() == kept and len(kept) == size
    # A new image is shown with probability 1/2; otherwise it is kept, and an old one is shown.
    new = sum(a == b for a, b in zip(shown[size:], values[size:], strict=True))
    assert new / (200 - size) == pytest.approx(0.5, abs=0.12)
    assert feed(ImagePool(size), values, seed=1) != shown


def test_no_image_is_lost_and_none_is_shown_twice_by_a_full_pool():
    pool = ImagePool(10)
    shown = feed(pool, range(200))
    later = shown[10:]  # images that fill the pool are shown at once, and perhaps once more
    assert len(set(later)) == len(later)
    assert set(range(200)) == {*shown, *pool.images[:, 0, 0, 0].int().tolist()}


def test_images_of_a_batch_are_pooled_one_by_one_and_lose_their_gradient():
    pool = ImagePool(2)
    batch = torch.cat([image(v) for v in range(4)]).bfloat16().requires_grad_()
    torch.manual_seed(3)
    shown = pool(batch)
    assert shown.shape == batch.shape and shown.dtype == pool.images.dtype == torch.float32
    assert not shown.requires_grad and not pool.images.requires_grad
    assert [int(v) for v in shown[:2, 0, 0, 0]] == [0, 1]
    assert ImagePool(1)(image(5).bfloat16()).dtype == torch.float32
    # A stored image is a copy.
    before = pool.images.clone()
    shown.zero_()
    assert torch.equal(pool.images, before)


@pytest.mark.parametrize('seen', [0, 2, 5])
def test_a_pool_is_restored_however_full_it_is(seen):
    model, again = (torch.nn.ModuleDict(dict(pool=ImagePool(3))) for _ in range(2))
    feed(model['pool'], range(seen))
    state = {'state_dict': model.state_dict()}
    load_state_dict(again, complete_weights(again, state, 'do not'), strict=True)
    assert torch.equal(again['pool'].images, model['pool'].images)
    assert feed(again['pool'], range(seen, 20)) == feed(model['pool'], range(seen, 20))
    third = torch.nn.ModuleDict(dict(pool=ImagePool(3)))
    third.load_state_dict(model.state_dict())  # as torch loads
    assert torch.equal(third['pool'].images, model['pool'].images)
    with pytest.raises(UserError, match=r'1 weight missing \(pool.images\)'):
        complete_weights(again, {}, 'do not')


def test_a_pool_without_images_is_refused():
    with pytest.raises(UserError, match='pool_size=0: give 1 or more'):
        ImagePool(0)
