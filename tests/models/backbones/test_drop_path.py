import copy

import pytest
import torch
from torch import nn
from transformers.models.convnext.modeling_convnext import ConvNextDropPath

from depthda.models.backbones.drop_path import DropPath, DropPaths
from depthda.models.backbones.transformers_backbone import TransformersBackbone

RATES = (0.1, 0.3, 0.6)


class Encoder(nn.Module):
    """Layers with residuals, each with its own rate; the first has none."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleDict({'drop_path': nn.Identity()}) for _ in range(4))
        for layer, rate in zip(self.layers[1:], RATES, strict=True):
            layer['drop_path'] = ConvNextDropPath(rate)

    def forward(self, x):
        for number, layer in enumerate(self.layers):
            x = x + layer['drop_path'](x * (number + 2))
        return x


def pair():
    plain = Encoder()
    replaced = copy.deepcopy(plain)
    return plain, replaced, DropPaths(replaced)


def test_samples_and_values_are_those_of_transformers():
    plain, replaced, paths = pair()
    images = torch.rand(64, 3, 4, 5)
    for seed in range(3):
        torch.manual_seed(seed)
        expected = plain(images)
        torch.manual_seed(seed)
        paths.draw(images)
        torch.testing.assert_close(replaced(images), expected, rtol=1e-6, atol=0)


def test_each_layer_keeps_its_share_and_its_mean():
    _, _, paths = pair()
    torch.manual_seed(0)
    paths.draw(torch.zeros(20000, 1))
    for layer, rate in zip(paths._layers, RATES, strict=True):
        factors = layer.factors
        assert factors.unique().tolist() == [0, pytest.approx(1 / (1 - rate))]
        assert factors.mean().item() == pytest.approx(1, abs=0.03)


def test_in_a_test_nothing_is_dropped_or_drawn():
    plain, replaced, paths = pair()
    images, state = torch.rand(2, 3, 4, 5), torch.random.get_rng_state()
    paths.eval().draw(images)
    assert torch.equal(replaced.eval()(images), plain.eval()(images))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_factors_have_the_type_of_the_images():
    _, replaced, paths = pair()
    images = torch.rand(2, 3, 4, 5, dtype=torch.bfloat16)
    paths.draw(images)
    assert replaced(images).dtype == torch.bfloat16


def test_a_backbone_draws_for_itself_and_its_copy_does_too():
    """A copy, such as a teacher, has its own layers; checkpoints hold no factors."""
    arch = dict(model_type='convnext', depths=[1, 1, 2, 1], hidden_sizes=[4, 8, 8, 8])
    arch |= dict(drop_path_rate=0.5)
    backbone = TransformersBackbone(arch, out_indices=(1, 2, 3, 4))
    other = copy.deepcopy(backbone)
    layers = [m for m in other.modules() if isinstance(m, DropPath)]
    assert len(layers) == 4 and other.drop_paths._layers == layers
    assert not {id(layer) for layer in layers} & {id(m) for m in backbone.modules()}
    torch.manual_seed(0)
    images = torch.rand(4, 3, 64, 64)
    first, second = backbone(images)[-1], backbone(images)[-1]
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    one = backbone(images)[-1]
    torch.manual_seed(1)
    assert torch.equal(other(images)[-1], one)
    assert not any('drop_path' in key for key in backbone.state_dict())
