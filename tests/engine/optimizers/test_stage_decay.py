import pickle

import pytest
import torch
from mmengine.optim import LinearLR
from mmseg.engine.optimizers import LearningRateDecayOptimizerConstructor
from mmseg.registry import MODELS
from torch import nn

import depthda.models.backbones.dual_backbone
import depthda.models.backbones.transformers_backbone  # noqa: F401  both imports register backbones
from depthda.engine.optimizers.stage_decay import StageDecayOptimWrapperConstructor
from depthda.errors import UserError

DIMS = dict(depths=[1, 2, 1, 1], hidden_sizes=[8, 16, 24, 32])


def encoder(model_type='convnext', **kwargs):
    arch = dict(model_type=model_type, **(kwargs.pop('arch', DIMS)))
    return dict(type='TransformersBackbone', arch=arch, **kwargs)


class Model(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.neck = nn.Conv2d(2, 2, 1)
        self.decode_head = nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2))
        self.step = nn.Parameter(torch.tensor(0.3))


def dual(**kwargs):
    return Model(dict(type='DualBackbone', rgb=encoder(**kwargs), depth=encoder(**kwargs)))


def wrapper(model, optimizer=None, **paramwise):
    optimizer = optimizer or dict(type='AdamW', lr=1e-4, weight_decay=0.05)
    config = dict(type='OptimWrapper', optimizer=optimizer)
    return StageDecayOptimWrapperConstructor(config, paramwise)(model)


def multipliers(model, **paramwise):
    """lr / base lr by parameter name."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        names[parameter]: group['lr'] / 1e-4
        for group in wrapper(model, **paramwise).optimizer.param_groups
        for parameter in group['params']
    }


EXPONENTS = {
    'embeddings.patch_embeddings.weight': 13,
    'embeddings.layernorm.bias': 13,
    'encoder.stages.1.downsampling_layer.0.weight': 13,
    'encoder.stages.3.downsampling_layer.1.bias': 13,
    'encoder.stages.0.layers.0.dwconv.weight': 12,
    'encoder.stages.1.layers.1.layer_scale_parameter': 11,
    'encoder.stages.2.layers.0.pwconv1.weight': 10,
    'encoder.stages.3.layers.0.layernorm.bias': 9,
    'hidden_states_norms.stage1.weight': 0,
    'hidden_states_norms.stage4.bias': 0,
}


@pytest.mark.parametrize('depth_decay', [True, False])
def test_convnext_stages_decay_as_in_the_papers_code(depth_decay):
    model = dual()
    rates = multipliers(model, decay_rate=0.9, num_layers=12, depth_decay=depth_decay)
    assert set(rates) == {name for name, _ in model.named_parameters()}
    for name, exponent in EXPONENTS.items():
        assert rates[f'backbone.rgb.model.{name}'] == pytest.approx(0.9**exponent)
        depth = 0.9**exponent if depth_decay else 1
        assert rates[f'backbone.depth.model.{name}'] == pytest.approx(depth)
    for name in ('neck.weight', 'decode_head.0.weight', 'decode_head.1.bias', 'step'):
        assert rates[name] == 1


def test_rates_and_weight_decay_equal_those_of_mmsegs_rule_for_its_convnext():
    class ConvNeXt(nn.Module):
        def __init__(self):
            super().__init__()
            self.downsample_layers = nn.ModuleList(nn.Conv2d(1, 1, 1) for _ in range(4))
            self.stages = nn.ModuleList(nn.Sequential(nn.Conv2d(1, 1, 1)) for _ in range(4))
            for i in range(4):
                self.add_module(f'norm{i}', nn.LayerNorm(2))

    model = nn.Module()
    model.backbone, model.decode_head = ConvNeXt(), nn.Conv2d(1, 1, 1)
    config = dict(optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05))
    paramwise = dict(decay_rate=0.9, decay_type='stage_wise', num_layers=12)
    reference = LearningRateDecayOptimizerConstructor(config, paramwise)(model)
    names = {parameter: name for name, parameter in model.named_parameters()}

    def settings(groups):
        return {
            names[parameter]: (pytest.approx(group['lr']), group['weight_decay'])
            for group in groups
            for parameter in group['params']
        }

    assert settings(wrapper(model).optimizer.param_groups) == {
        name: (float(lr.expected), decay)
        for name, (lr, decay) in settings(reference.optimizer.param_groups).items()
    }


SIZES = dict(depths=[2] * 4, num_heads=[1, 1, 2, 2], window_size=4)
SWIN = SIZES | dict(embed_dim=8)
VIT = dict(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, patch_size=16)
VIT_ENCODER = encoder('dinov2', arch=VIT)
OTHERS = [
    (
        encoder('swin', arch=SWIN),
        {
            'model.swin.embeddings.patch_embeddings.projection.weight': 13,
            'model.swin.encoder.layers.0.downsample.reduction.weight': 13,
            'model.swin.encoder.layers.0.blocks.1.layernorm_before.weight': 12,
            'model.swin.encoder.layers.3.blocks.0.layernorm_after.bias': 9,
            'model.hidden_states_norms.stage2.weight': 0,
        },
    ),
    (
        encoder('convnextv2'),
        {
            'model.encoder.stages.2.downsampling_layer.1.weight': 13,
            'model.encoder.stages.2.layers.0.grn.weight': 10,
        },
    ),
    (
        encoder('dinov3_convnext'),
        {
            'model.model.stages.0.downsample_layers.0.weight': 13,
            'model.model.stages.2.downsample_layers.0.weight': 13,
            'model.model.stages.2.layers.0.gamma': 10,
        },
    ),
    (
        VIT_ENCODER,
        {
            'model.embeddings.position_embeddings': 13,
            'model.encoder.layer.0.mlp.fc1.weight': 12,
            'model.encoder.layer.3.norm2.weight': 9,
            'model.layernorm.weight': 0,
        },
    ),
    (
        dict(type='ResNetV1c', depth=18, base_channels=8, norm_cfg=dict(type='BN')),
        {
            'stem.0.weight': 13,
            'layer1.0.conv1.weight': 12,
            'layer2.0.downsample.0.weight': 11,
            'layer4.1.bn2.bias': 9,
        },
    ),
    (
        dict(type='MixVisionTransformer', embed_dims=8, num_layers=[1] * 4, num_heads=[1, 1, 2, 2]),
        {
            'layers.0.0.projection.weight': 13,
            'layers.2.0.projection.weight': 13,
            'layers.2.1.0.norm1.weight': 10,
            'layers.2.2.weight': 0,
        },
    ),
    (
        dict(type='SwinTransformer', embed_dims=8, **SIZES),
        {
            'patch_embed.projection.weight': 13,
            'stages.1.downsample.reduction.weight': 13,
            'stages.1.blocks.0.norm1.weight': 11,
            'norm3.weight': 0,
        },
    ),
]


@pytest.mark.parametrize(('backbone', 'exponents'), OTHERS)
def test_other_backbones_decay_by_the_same_rule(backbone, exponents):
    rates = multipliers(Model(backbone))
    for name, exponent in exponents.items():
        assert rates[f'backbone.{name}'] == pytest.approx(0.9**exponent), name


def test_groups_are_merged_and_hold_every_trainable_parameter_once():
    model = dual()
    model.decode_head.append(model.neck)  # shared: must not come twice
    groups = wrapper(model).optimizer.param_groups
    assert len(groups) == 12
    listed = [parameter for group in groups for parameter in group['params']]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(model.parameters())
    assert {group['name'] for group in groups} >= {'stem', 'stage4_no_weight_decay', 'rest'}


def test_frozen_parameters_are_left_out():
    model = dual(frozen=True)
    model.decode_head[0].bias.requires_grad_(False)
    listed = {p for group in wrapper(model).optimizer.param_groups for p in group['params']}
    expected = [model.neck.weight, model.neck.bias, model.decode_head[0].weight, model.step]
    assert listed == {*expected, *model.decode_head[1].parameters()}


def test_only_weights_of_linear_and_convolution_layers_have_weight_decay():
    for backbone in (encoder(), encoder('convnextv2'), encoder('swin', arch=SWIN), VIT_ENCODER):
        model = Model(backbone)
        expected = {
            module.weight
            for module in model.modules()
            if isinstance(module, (nn.Linear, nn.Conv2d)) and module.weight.requires_grad
        }
        groups = wrapper(model).optimizer.param_groups
        decayed = [p for group in groups if group['weight_decay'] == 0.05 for p in group['params']]
        assert set(decayed) == expected
        assert {group['weight_decay'] for group in groups} == {0, 0.05}


def test_fused_adamw_steps_and_its_state_is_plain_data(tmp_path):
    torch.manual_seed(0)
    model = dual()
    fused = dict(type='AdamW', lr=1e-4, weight_decay=0.05, fused=True)
    wrapped = wrapper(model, fused)
    scheduler = LinearLR(wrapped, start_factor=0.5, end=10, by_epoch=False)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    wrapped.step()
    for name, parameter in model.named_parameters():
        # AdamW's first step is lr, whatever the gradient, plus the weight decay
        moved = (before[name] - parameter).abs().mean()
        assert moved > 0.4 * 0.5 * 1e-4 * 0.9**13, name
    scheduler.step()
    assert wrapped.param_groups[0]['lr'] > 0.5 * wrapped.param_groups[0]['initial_lr']
    assert set(wrapped.get_lr()) == {'lr', 'base_lr'}
    torch.save(wrapped.state_dict(), tmp_path / 'optimizer.pth')
    state = torch.load(tmp_path / 'optimizer.pth', weights_only=True)
    again = wrapper(dual(), fused)
    again.load_state_dict(state)
    names = [[group['name'] for group in w.optimizer.param_groups] for w in (wrapped, again)]
    assert names[0] == names[1]
    pickle.dumps(state)


def test_without_decay_any_backbone_is_accepted_and_there_are_two_groups():
    model = nn.Module()
    model.backbone = nn.Sequential(nn.Conv2d(2, 2, 1))
    with pytest.raises(UserError, match='cannot tell the stage of backbone.0.weight'):
        wrapper(model)
    groups = wrapper(model, decay_rate=1.0).optimizer.param_groups
    assert [(group['lr'], group['weight_decay']) for group in groups] == [(1e-4, 0.05), (1e-4, 0)]


def test_mistakes_are_explained():
    with pytest.raises(UserError, match='layer 4, but paramwise_cfg.num_layers is 3'):
        wrapper(dual(), num_layers=3)
    with pytest.raises(UserError, match=r"unknown keys \['decay'\]"):
        wrapper(dual(), decay=0.9)
    with pytest.raises(UserError, match='has no lr'):
        wrapper(dual(), dict(type='AdamW'))


@pytest.mark.parametrize(
    'name, scale',
    [
        ('backbone.backbone.model.encoder.stages.1.layers.0.dwconv.weight', 0.9**11),
        ('backbone.rgb.backbone.model.encoder.stages.3.layers.0.dwconv.weight', 0.9**9),
        ('backbone.rgb.neck.ops.0.weight', 1.0),
        ('backbone.depth_stem.weight', 1.0),
    ],
)
def test_wrapped_backbones_decay_and_what_wraps_them_does_not(name, scale):
    constructor = StageDecayOptimWrapperConstructor(dict(optimizer=dict(type='AdamW', lr=1.0)))
    assert 0.9 ** (13 - constructor._stage(name)) == pytest.approx(scale)


def test_an_adapted_segmentor_has_the_rates_of_the_plain_one():
    adapted, plain = nn.ModuleDict(dict(segmentor=dual())), multipliers(dual(), depth_decay=False)
    expected = {f'segmentor.{name}': rate for name, rate in plain.items()}
    assert multipliers(adapted, depth_decay=False) == expected


def test_scalars_decay_on_request_as_released():
    model = dual()
    scalars = {name: {} for name in ('off', 'on')}
    for name, kwargs in (('off', {}), ('on', dict(scalar_decay=True))):
        for group in wrapper(model, **kwargs).optimizer.param_groups:
            for parameter in group['params']:
                scalars[name][id(parameter)] = group['weight_decay']
    changed = [key for key in scalars['off'] if scalars['off'][key] != scalars['on'][key]]
    assert changed == [id(model.step)]
    assert (scalars['off'][id(model.step)], scalars['on'][id(model.step)]) == (0, 0.05)
