"""Random numbers depend on the sample and their name alone."""

import torch
from mmseg.structures import SegDataSample

from depthda.models.adaptation.draws import SampleDraws, or_any
from depthda.randomness import derive_seed


def draws(*seeds):
    metas = [{} if seed is None else dict(sample_seed=seed) for seed in seeds]
    return SampleDraws([SegDataSample(metainfo=meta) for meta in metas])


def test_numbers_are_those_of_a_generator_of_the_sample_and_the_name():
    found = draws(5, 9).named('classes')(2, 3)
    for numbers, seed in zip(found, (5, 9), strict=True):
        generator = torch.Generator().manual_seed(derive_seed(seed, 'classes'))
        assert torch.equal(numbers, torch.rand(2, 3, generator=generator))
    assert torch.equal(draws(5, 9).named('classes')(2, 3), found)
    assert torch.equal(draws(9, 1, 5).named('classes')(2, 3)[[2, 0]], found)
    assert torch.equal(draws(5).named('classes')(2, 3), found[:1])
    others = [draws(5, 9).named('blocks')(2, 3), draws(6, 10).named('classes')(2, 3)]
    assert not any((other == found).any() for other in others)


def test_a_name_gives_the_same_numbers_whatever_is_drawn_between_and_leaves_torch_alone():
    batch, state = draws(5, 9), torch.get_rng_state()
    first = batch.named('one')(4)
    batch.named('other')(100)
    assert torch.equal(batch.named('one')(4), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_numbers_come_from_torch_and_stay_for_the_iteration():
    for seeds in ((None, None), (5, None)):
        torch.manual_seed(1)
        batch = draws(*seeds)
        found = batch.named('one')(4)
        assert torch.equal(batch.named('one')(4), found) and (found[0] != found[1]).all()
        assert (draws(*seeds).named('one')(4) != found).all()
        torch.manual_seed(1)
        assert torch.equal(draws(*seeds).named('one')(4), found)


def test_a_part_alone_draws_from_torch():
    torch.manual_seed(2)
    found = or_any(None, 3)(1, 2)
    torch.manual_seed(2)
    assert torch.equal(found, torch.rand(3, 1, 2))
    draw = draws(1).named('one')
    assert or_any(draw, 3) is draw
