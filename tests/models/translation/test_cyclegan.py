"""The losses of CycleGAN equal their equations, and its critics see older translations."""

import pytest
import torch
from drdg_helpers import build, domains, same, step, weights
from mmseg.registry import MODELS
from torch.nn import functional as F

SIZE = (24, 32)  # of the target images of ``pairs``, which is the size of all images


@pytest.fixture
def cyclegan():
    """Return a function that makes the config of a small CycleGAN."""
    generator = dict(type='ResNetGenerator', width=4, blocks=1)
    critic = dict(type='PatchGANCritic', width=2)
    return lambda **options: dict(type='CycleGAN', generator=generator, critic=critic, **options)


def prepared(data):
    """Return the images of both domains in the size of the target, scaled to [-1, 1]."""
    images = {name: torch.stack(batch)[:, :3] for name, batch in data['inputs'].items()}
    source = F.interpolate(images['source'], SIZE, mode='bilinear', align_corners=False)
    return source / 127.5 - 1, images['target'] / 127.5 - 1


@pytest.mark.parametrize('idt_weight', [0.0, 5.0])
def test_the_loss_of_the_generators_is_the_sum_of_its_parts(cyclegan, pairs, idt_weight):
    model, data = build(cyclegan(cyc_weight=7.0, idt_weight=idt_weight)), pairs()
    x, y = prepared(data)
    to_y, to_x = (
        lambda images, net=net: net(images, SIZE).image
        for net in (model.generator_s2t, model.generator_t2s)
    )
    losses = model.generator_losses(*domains(model, data))
    parts = dict(
        loss_adv=(model.critic_t(to_y(x)) - 1).square().mean()
        + (model.critic_s(to_x(y)) - 1).square().mean(),
        loss_cyc=(to_x(to_y(x)) - x).abs().mean() + (to_y(to_x(y)) - y).abs().mean(),
        loss_idt=(to_y(y) - y).abs().mean() + (to_x(x) - x).abs().mean(),
    )
    factors = dict(loss_adv=1, loss_cyc=7, loss_idt=idt_weight)
    assert ('loss_idt' in losses) == (idt_weight > 0)
    for name in losses.keys() - {'loss'}:
        torch.testing.assert_close(losses[name], parts[name], rtol=1e-4, atol=1e-5)
    expected = sum(factors[name] * part for name, part in parts.items())
    torch.testing.assert_close(losses['loss'], expected, rtol=1e-4, atol=1e-5)


def test_critics_are_trained_on_real_images_and_those_of_their_pool(cyclegan, pairs):
    model, data = build(cyclegan(pool_size=2)), pairs()
    old = [torch.rand(2, 3, *SIZE) for _ in range(2)]
    for pool, images in zip(model.pools, old, strict=True):
        pool(images)
    x, y = prepared(data)
    new = model.generator_t2s(y, SIZE).image, model.generator_s2t(x, SIZE).image

    def loss(fakes):
        domains = zip((model.critic_s, model.critic_t), (x, y), fakes, strict=True)
        return sum(
            ((critic(real) - 1).square().mean() + critic(fake).square().mean()) / 2
            for critic, real, fake in domains
        )

    torch.manual_seed(2)
    found = model.critic_losses(*domains(model, data))['loss_critic']
    torch.manual_seed(2)
    kept, shown = [images.clone() for images in old], []
    for pool, images in zip(kept, new, strict=True):
        for image in images:
            if torch.rand(1) < 0.5:
                place = torch.randint(2, (1,)).item()
                image, pool[place] = pool[place].clone(), image
            shown.append(image.detach())
    shown = torch.stack(shown[:2]), torch.stack(shown[2:])
    torch.testing.assert_close(found, loss(shown), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, loss(new), rtol=1e-3)
    for pool, images in zip(model.pools, kept, strict=True):
        torch.testing.assert_close(pool.images, images, rtol=1e-4, atol=1e-5)


def test_an_iteration_updates_all_networks_and_depends_only_on_its_seed(cyclegan, pairs):
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(9)
        model = build(cyclegan(pool_size=1))
        before = weights(model)
        for iteration in range(3):
            logs = step(model, pairs(), iteration, seed=10 * seed + iteration)
        assert {'loss', 'loss_critic'} <= logs.keys() and 'gradient_penalty' not in logs
        after = weights(model)
        assert not any(torch.equal(after[k], before[k]) for k in before if k.endswith('0.weight'))
        states.append(after)
    assert same(*states[:2]) and not same(states[0], states[2])


def test_defaults_are_those_of_the_paper_and_it_translates_tiles(cyclegan, pairs):
    model = MODELS.build(cyclegan(target_size=(40, 16)))
    assert model.weights == dict(loss_adv=1, loss_cyc=10, loss_dsl=0, loss_dccl=0)
    assert (model.idt_weight, model.n_critic, [p.size for p in model.pools]) == (0, 1, [50, 50])
    inputs = {'source': torch.rand(1, 4, 32, 48)}
    (translated,) = model.eval()(inputs, mode='predict')
    assert translated.shape == (3, 40, 16) and translated.dtype == torch.uint8
    source, target = domains(model, pairs())
    assert source.size == target.size == SIZE and source.depth is target.depth is None
