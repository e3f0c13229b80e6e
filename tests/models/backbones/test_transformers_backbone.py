import copy

import pytest
import torch
from transformers import AutoBackbone, ConvNextBackbone, ConvNextConfig

from depthda.errors import UserError
from depthda.models.backbones import transformers_backbone
from depthda.models.backbones.transformers_backbone import TransformersBackbone

CONVNEXT = dict(model_type='convnext', depths=[1, 2, 1, 1], hidden_sizes=[8, 16, 24, 32])
VIT = dict(hidden_size=16, num_hidden_layers=4, num_attention_heads=2)
FAMILIES = {
    'convnext': CONVNEXT,
    'convnextv2': dict(CONVNEXT, model_type='convnextv2'),
    'dinov3_convnext': dict(CONVNEXT, model_type='dinov3_convnext'),
    'swin': dict(
        model_type='swin', embed_dim=8, depths=[2] * 4, num_heads=[1, 1, 2, 2], window_size=4
    ),
    'dinov2': dict(VIT, model_type='dinov2', patch_size=16, image_size=32),
    'dinov3_vit': dict(VIT, model_type='dinov3_vit', patch_size=16, intermediate_size=32),
}


def gradients(backbone, inputs):
    torch.manual_seed(1)  # so that drop-path draws the same random numbers
    backbone.zero_grad()
    sum(feature.square().mean() for feature in backbone(inputs)).backward()
    return {name: p.grad.clone() for name, p in backbone.named_parameters() if p.requires_grad}


@pytest.mark.parametrize('family', FAMILIES)
def test_channels_match_the_features_and_every_parameter_learns(family):
    backbone = TransformersBackbone(FAMILIES[family])
    # It is built by its model type only, so a new family of AutoBackbone needs no change here.
    assert type(backbone.model) is AutoBackbone._model_mapping[type(backbone.model.config)]
    assert backbone.model.config.model_type == family
    inputs = torch.randn(1, 3, 64, 96)
    features = backbone(inputs)
    assert [feature.shape[1] for feature in features] == backbone.channels
    assert len(gradients(backbone, inputs)) > 20  # clone() fails on a gradient that is None


@pytest.mark.parametrize('family', ['convnext', 'swin'])
@pytest.mark.parametrize('size', [(32, 32), (33, 47), (75, 101)])
def test_hierarchical_families_accept_any_size(family, size):
    features = TransformersBackbone(FAMILIES[family]).eval()(torch.randn(1, 3, *size))
    for feature, stride in zip(features, (4, 8, 16, 32), strict=True):
        for side, image_side in zip(feature.shape[2:], size, strict=True):
            assert abs(side - image_side / stride) < 1


def test_out_indices_select_the_stages():
    backbone = TransformersBackbone(CONVNEXT, out_indices=(2, 4)).eval()
    assert backbone.channels == [16, 32]
    config = ConvNextConfig(**CONVNEXT, out_indices=[2, 4])
    reference = ConvNextBackbone(config).eval()
    reference.load_state_dict(backbone.model.state_dict())
    inputs = torch.randn(1, 3, 32, 32)
    for actual, expected in zip(backbone(inputs), reference(inputs).feature_maps, strict=True):
        assert torch.equal(actual, expected)


def test_arch_may_use_tuples_and_defaults():
    default = TransformersBackbone(dict(model_type='convnext'))
    assert default.channels == [96, 192, 384, 768]
    tuples = dict(CONVNEXT, depths=(1, 2, 1, 1), hidden_sizes=(8, 16, 24, 32))
    assert TransformersBackbone(tuples).channels == [8, 16, 24, 32]


def test_a_frozen_backbone_stays_in_eval_mode_without_gradient():
    backbone = TransformersBackbone(dict(CONVNEXT, drop_path_rate=0.5), frozen=True)
    backbone.train()
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    inputs = torch.randn(2, 3, 32, 32, requires_grad=True)
    for first, second in zip(backbone(inputs), backbone(inputs), strict=True):
        assert torch.equal(first, second) and not first.requires_grad


@pytest.mark.parametrize('family', ['convnext', 'swin', 'dinov2'])
def test_gradient_checkpointing_does_not_change_gradients(family, monkeypatch):
    arch = dict(FAMILIES[family], drop_path_rate=0.3)
    plain = TransformersBackbone(arch)
    checkpointed = TransformersBackbone(arch, gradient_checkpointing=True)
    checkpointed.load_state_dict(plain.state_dict())  # parameters have the same names
    calls = []
    original = transformers_backbone.checkpoint

    def counted(function, *args, **kwargs):
        calls.append(function.__self__)
        return original(function, *args, **kwargs)

    monkeypatch.setattr(transformers_backbone, 'checkpoint', counted)
    inputs = torch.randn(2, 3, 64, 64)
    expected = gradients(plain, inputs)
    assert not calls
    for model in (checkpointed, copy.deepcopy(checkpointed)):
        calls.clear()
        actual = gradients(model, inputs)
        assert len(calls) == dict(convnext=5, swin=8, dinov2=4)[family]
        assert {id(block) for block in calls} <= {id(module) for module in model.modules()}
        for name, gradient in expected.items():
            torch.testing.assert_close(actual[name], gradient, rtol=1e-4, atol=1e-6)
    calls.clear()
    checkpointed.eval()(inputs)
    assert not calls


def test_init_weights_only_fills_parameters_that_were_built_on_the_meta_device():
    backbone = TransformersBackbone(CONVNEXT)
    before = copy.deepcopy(backbone.state_dict())
    backbone.init_weights()
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())

    with torch.device('meta'):
        empty = TransformersBackbone(dict(CONVNEXT, layer_scale_init_value=0.5))
    assert all(parameter.is_meta for parameter in empty.parameters())
    empty = empty.to_empty(device='cpu')
    for parameter in empty.parameters():
        torch.nn.init.constant_(parameter, 7)
    empty.init_weights()
    values = dict(empty.model.named_parameters())
    assert (values['encoder.stages.0.layers.0.layer_scale_parameter'] == 0.5).all()
    assert (values['encoder.stages.0.layers.0.layernorm.weight'] == 1).all()
    assert (values['encoder.stages.0.layers.0.pwconv1.bias'] == 0).all()
    weight = values['encoder.stages.3.layers.0.pwconv1.weight']
    assert 0.015 < weight.std() < 0.025 and weight.abs().max() < 0.2


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(arch=dict(depths=[1])), 'model_type=None is not a model family'),
        (dict(arch=dict(model_type='gpt2')), 'no backbone class'),
        (dict(arch=dict(CONVNEXT, hidden_size=8)), r"unknown keys \['hidden_size'\]"),
        (dict(arch=CONVNEXT, out_indices=(1, 9)), 'out_indices must be valid'),
        (dict(arch=FAMILIES['dinov2']), r'\(40, 32\) cannot be divided .* to a multiple of 16'),
        (dict(arch=CONVNEXT, frozen=True, gradient_checkpointing=True), 'no backward pass'),
        (
            dict(arch=dict(model_type='resnet', depths=[1] * 4), gradient_checkpointing=True),
            'batch statistics',
        ),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        # A plain ViT refuses incomplete patches.
        TransformersBackbone(**settings)(torch.randn(1, 3, 40, 32))


def test_a_checkpoint_identifies_a_frozen_encoder_by_its_weights(tmp_path):
    """The folder of the weights may change, but no weight may."""
    first = TransformersBackbone(CONVNEXT)
    first.model.save_pretrained(tmp_path / 'a')
    first.model.save_pretrained(tmp_path / 'b')
    with torch.no_grad():
        next(first.model.parameters()).view(-1)[0] += 1e-3
    first.model.save_pretrained(tmp_path / 'c')
    folders = [str(tmp_path / name) for name in 'abc']
    a, b, c = (TransformersBackbone(CONVNEXT, weights=folder, frozen=True) for folder in folders)
    a.init_weights()
    state = a.state_dict()
    assert list(state) == ['fingerprint']
    # Loading the checkpoint reads the weights of the encoder from its folder.
    assert not b.load_state_dict(state).missing_keys
    images = torch.randn(1, 3, 64, 64)
    for expected, actual in zip(a(images), b(images), strict=True):
        assert torch.equal(actual, expected)
    with pytest.raises(UserError, match='frozen encoder whose weights differ from'):
        c.load_state_dict(state)
    settings = dict(weights=folders[0], frozen=True, in_checkpoint=True)
    included = TransformersBackbone(CONVNEXT, **settings)
    assert len(included.state_dict()) == len(a.model.state_dict())
