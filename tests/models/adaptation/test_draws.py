"""Random numbers depend on the sample and their name alone."""

import torch
from mmseg.structures import SegDataSample

from depthda.models.adaptation.draws import SampleDraws, draw_or_default
from depthda.randomness import derive_seed


def draws(*seeds):
    metas = [{} if seed is None else dict(sample_seed=seed) for seed in seeds]
    return SampleDraws([SegDataSample(metainfo=meta) for meta in metas])


def test_numbers_come_from_a_generator_seeded_by_the_sample_and_the_name():
    drawn = draws(5, 9).named('classes')(2, 3)
    for numbers, seed in zip(drawn, (5, 9), strict=True):
        generator = torch.Generator().manual_seed(derive_seed(seed, 'classes'))
        assert torch.equal(numbers, torch.rand(2, 3, generator=generator))
    assert torch.equal(draws(5, 9).named('classes')(2, 3), drawn)
    assert torch.equal(draws(9, 1, 5).named('classes')(2, 3)[[2, 0]], drawn)
    assert torch.equal(draws(5).named('classes')(2, 3), drawn[:1])
    others = [draws(5, 9).named('blocks')(2, 3), draws(6, 10).named('classes')(2, 3)]
    assert not any((other == drawn).any() for other in others)


def test_other_draws_do_not_change_numbers_and_the_state_of_torch_does_not_change():
    batch, state = draws(5, 9), torch.get_rng_state()
    first = batch.named('one')(4)
    batch.named('other')(100)
    assert torch.equal(batch.named('one')(4), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_numbers_come_from_torch_once_per_iteration():
    for seeds in ((None, None), (5, None)):
        torch.manual_seed(1)
        batch = draws(*seeds)
        numbers = batch.named('one')(4)
        assert torch.equal(batch.named('one')(4), numbers) and (numbers[0] != numbers[1]).all()
        assert (draws(*seeds).named('one')(4) != numbers).all()
        torch.manual_seed(1)
        assert torch.equal(draws(*seeds).named('one')(4), numbers)


def test_a_part_alone_draws_from_torch():
    torch.manual_seed(2)
    numbers = draw_or_default(None, 3)(1, 2)
    torch.manual_seed(2)
    assert torch.equal(numbers, torch.rand(3, 1, 2))
    draw = draws(1).named('one')
    assert draw_or_default(draw, 3) is draw
