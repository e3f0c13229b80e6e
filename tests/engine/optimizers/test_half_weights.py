"""Weights in bfloat16 for one pass: the same results as autocast, from fewer operations."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from refusals import refusal
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from depthda.engine.optimizers import half_weights
from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper
from depthda.engine.optimizers.half_weights import HalfWeights
from depthda.errors import UserError
from depthda.models.backbones.transformers_backbone import TransformersBackbone


class Net(nn.Module):
    """Convolutions, a norm of each kind, a linear layer, and a scale of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 8))
        self.scale = nn.Parameter(torch.full((8,), 0.7))
        self.head = nn.Conv2d(8, 4, 1, bias=False)

    def forward(self, x):
        x = self.stem(x).movedim(1, -1)
        return self.head((x + self.scale * self.body(x)).movedim(-1, 1))


@pytest.fixture(autouse=True)
def any_module_is_a_segmentor(monkeypatch):
    monkeypatch.setattr(half_weights, 'BaseSegmentor', nn.Module)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def images(seed=0):
    return torch.rand(4, 3, 9, 8, generator=torch.Generator().manual_seed(seed))


def wrapper_of(net, **settings):
    config = dict(type='AutocastOptimWrapper', devices=['cpu'], **settings)
    return build_optim_wrapper(net, dict(config, optimizer=dict(type='SGD', lr=0.1, momentum=0.9)))


def train(net, steps=4, **settings):
    """Train for some steps, and return the losses and the state."""
    wrapper, losses = wrapper_of(net, **settings), []
    for step in range(steps):
        with wrapper.optim_context(net):
            loss = net(images(step)).float().square().mean()
        wrapper.update_params(loss)
        losses.append(loss.item())
    return losses, net.state_dict()


class Casts(TorchDispatchMode):
    """Counts casts of single tensors, and operations on lists of tensors."""

    def __init__(self):
        super().__init__()
        self.single = self.joint = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, result = func._schema.name, func(*args, **(kwargs or {}))
        self.single += name == 'aten::_to_copy' and args[0].dtype != result.dtype
        self.joint += name == 'aten::_foreach_copy_'
        return result


@pytest.mark.parametrize('settings', [{}, {'accumulative_counts': 2}])
def test_casting_together_has_the_bits_of_autocast(net, settings):
    other = copy.deepcopy(net)
    losses, state = train(net, cast_together=True, **settings)
    expected_losses, expected = train(other, cast_together=False, **settings)
    assert losses == expected_losses
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_one_operation_casts_all_weights_and_one_all_gradients(net):
    counts = {}
    for together in (False, True):
        model = copy.deepcopy(net)
        wrapper = wrapper_of(model, cast_together=together)
        with Casts() as casts:
            with wrapper.optim_context(model):
                loss = model(images()).float().mean()
            wrapper.update_params(loss)
        counts[together] = casts
    assert (counts[False].joint, counts[True].joint) == (0, 2)
    # Three weights of two linear layers and two convolutions and three biases, and their gradients.
    assert counts[False].single - counts[True].single == 2 * 7


def test_outside_the_context_the_weights_are_the_models_own(net):
    names = [name for name, _ in net.named_parameters()]
    own = {name: id(parameter) for name, parameter in net.named_parameters()}
    half = HalfWeights(['body'])
    with pytest.raises(ZeroDivisionError), half.used_by(net):
        assert net.head.weight.dtype == net.body[1].weight.dtype == torch.bfloat16
        assert net.stem[1].weight.dtype == net.scale.dtype == torch.float32
        raise ZeroDivisionError
    assert {name: id(parameter) for name, parameter in net.named_parameters()} == own
    assert [name for name, _ in net.named_parameters()] == names
    assert 'forward' not in vars(net.body)


def test_a_part_computes_in_bfloat16_throughout(net):
    """Norms and residuals, too: the result is that of a part whose weights are bfloat16."""
    wrapper = wrapper_of(net, half_parts=['body'])
    seen = []
    net.body[1].register_forward_hook(lambda module, args, out: seen.append((args[0].dtype, out)))
    x = torch.rand(2, 5, 8)
    with wrapper.optim_context(net):
        found = net.body(x)
    expected = copy.deepcopy(net.body).bfloat16()(x.bfloat16())
    assert seen[0][0] == found.dtype == torch.bfloat16 and torch.equal(found, expected)
    found.float().sum().backward()
    gradients = [p.grad for p in net.body.parameters()]
    assert all(g.dtype == torch.float32 and g.any() for g in gradients)


def test_the_loss_with_half_parts_stays_close(net):
    plain, half = (train(copy.deepcopy(net), 30, half_parts=p)[0] for p in ([], ['body', 'head']))
    assert plain[-1] < 0.5 * plain[0]
    assert sum(half[-10:]) == pytest.approx(sum(plain[-10:]), rel=0.02)


def test_frozen_weights_are_cast_again_only_after_a_change(net):
    net.body.requires_grad_(False)
    half = HalfWeights()
    seen = []
    for _ in range(2):
        with half.used_by(net):
            seen.append(net.body[0].weight)
    assert seen[0] is seen[1]
    with torch.no_grad():
        net.body[0].weight.add_(1)
    with half.used_by(net):
        assert net.body[0].weight is not seen[0]
        torch.testing.assert_close(net.body[0].weight, (seen[0] + 1).bfloat16(), atol=1e-2, rtol=0)


def test_unused_weights_get_no_gradient(net):
    net.extra = nn.Linear(2, 2)
    wrapper = wrapper_of(net)
    with wrapper.optim_context(net):
        net(images()).float().sum().backward()
    assert net.extra.weight.grad is None and net.head.weight.grad is not None


def test_on_another_device_nothing_is_cast(net):
    wrapper = wrapper_of(net, half_parts=['body'])
    wrapper.devices = ('cuda',)
    with wrapper.optim_context(net):
        assert net.body[0].weight.dtype == torch.float32


def test_other_models_are_left_to_autocast(net, monkeypatch):
    """They may move a teacher's weights or freeze a critic's in their forward pass."""
    monkeypatch.setattr(half_weights, 'BaseSegmentor', BaseSegmentor)
    with HalfWeights().used_by(net):
        assert net.head.weight.dtype == torch.float32
    with pytest.raises(UserError, match='half_parts of optim_wrapper is for segmentors'):
        HalfWeights(['body']).used_by(net).__enter__()
    segmentor = MODELS.build(Config.fromfile('configs/sample/upernet_tiny_u2r.py').model)
    with HalfWeights().used_by(segmentor):
        assert segmentor.decode_head.conv_seg.weight.dtype == torch.bfloat16


def checkpointed():
    arch = dict(model_type='convnext', depths=[1, 1, 2, 1], hidden_sizes=[4, 8, 8, 8])
    arch |= dict(drop_path_rate=0.3, layer_scale_init_value=1.0)
    settings = dict(out_indices=(1, 2, 3, 4), gradient_checkpointing=True)
    torch.manual_seed(0)
    return TransformersBackbone(arch, **settings)


def test_recomputed_features_have_the_same_gradients():
    gradients = {}
    for together in (False, True):
        backbone = checkpointed()
        wrapper = wrapper_of(backbone, cast_together=together)
        torch.manual_seed(1)
        with wrapper.optim_context(backbone):
            loss = sum(f.float().square().mean() for f in backbone(torch.rand(2, 3, 64, 64)))
        wrapper.backward(loss)
        gradients[together] = [p.grad for p in backbone.parameters() if p.grad is not None]
    assert len(gradients[True]) == len(gradients[False]) > 20
    assert all(map(torch.equal, gradients[True], gradients[False]))


def test_wrong_parts_are_refused(net):
    assert "half_parts='body' of optim_wrapper must be a list" in refusal(HalfWeights, 'body')
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    wrapper = AutocastOptimWrapper(optimizer=optimizer, devices=['cpu'], half_parts=['tail'])

    def enter():
        with wrapper.optim_context(net):
            pass

    assert refusal(enter) == (
        "half_parts of optim_wrapper names 'tail', which Net does not have: choose from stem, "
        'body, head, or a module inside one of them.'
    )
    net.body = nn.Sequential(checkpointed())
    message = refusal(HalfWeights(['body']).used_by(net).__enter__)
    assert message.endswith('remove gradient_checkpointing or half_parts.')
