import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    DINOv3ConvNextConfig,
    DINOv3ConvNextModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    SwinConfig,
    SwinForImageClassification,
)

from depthda.errors import UserError
from depthda.models.backbones.dual_backbone import DualBackbone
from depthda.models.backbones.transformers_backbone import TransformersBackbone

CONVNEXT = dict(depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32])
SWIN = dict(embed_dim=8, depths=[2] * 4, num_heads=[1, 1, 2, 2], window_size=4)
DINOV2 = dict(hidden_size=16, num_hidden_layers=4, num_attention_heads=2, patch_size=16)
DINOV3 = dict(DINOV2, intermediate_size=32)


def randomize(model):
    """Change every value, so that no test passes because weights have their initial values."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model.eval()


def saved(model_class, config, folder):
    model = randomize(model_class(config))
    model.save_pretrained(folder)
    return model


def loaded(family, arch, folder, **kwargs):
    backbone = TransformersBackbone(dict(model_type=family, **arch), weights=str(folder), **kwargs)
    backbone.init_weights()
    return backbone.eval()


@pytest.mark.parametrize('model_class', [ConvNextModel, ConvNextForImageClassification])
def test_convnext_returns_the_features_of_the_checkpoint(model_class, tmp_path):
    model = saved(model_class, ConvNextConfig(**CONVNEXT), tmp_path)
    backbone = loaded('convnext', CONVNEXT, tmp_path)
    inputs = torch.randn(1, 3, 64, 64)
    stages = getattr(model, 'convnext', model)(inputs, output_hidden_states=True).hidden_states[1:]
    for actual, stage in zip(backbone(inputs), stages, strict=True):
        # Checkpoints do not contain the output norms, which start as plain layer norms.
        normed = torch.nn.functional.layer_norm(
            stage.permute(0, 2, 3, 1), stage.shape[1:2], eps=1e-6
        )
        torch.testing.assert_close(actual, normed.permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


def test_swin_loads_every_tensor_of_the_checkpoint(tmp_path):
    model = saved(SwinForImageClassification, SwinConfig(**SWIN), tmp_path)
    state = loaded('swin', SWIN, tmp_path).model.state_dict()
    stored = {k: v for k, v in model.state_dict().items() if not k.startswith('classifier')}
    assert len(stored) > 100
    for key, value in stored.items():
        assert torch.equal(state[key], value)


def test_dinov2_returns_the_features_of_the_checkpoint(tmp_path):
    model = saved(Dinov2Model, Dinov2Config(**DINOV2, image_size=32), tmp_path)
    backbone = loaded('dinov2', dict(DINOV2, image_size=32), tmp_path, frozen=True)
    inputs = torch.randn(1, 3, 48, 64)  # larger than image_size: interpolates positions
    hidden = model(inputs, output_hidden_states=True).hidden_states
    assert len(hidden) == 5
    for actual, state in zip(backbone(inputs), hidden[1:], strict=True):
        expected = model.layernorm(state)[:, 1:].transpose(1, 2).reshape(1, 16, 3, 4)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_dinov3_loads_every_tensor_of_the_checkpoint(tmp_path):
    convnext = saved(DINOv3ConvNextModel, DINOv3ConvNextConfig(**CONVNEXT), tmp_path / 'convnext')
    vit = saved(DINOv3ViTModel, DINOv3ViTConfig(**DINOV3), tmp_path / 'vit')
    backbone = loaded('dinov3_convnext', CONVNEXT, tmp_path / 'convnext')
    inputs = torch.randn(1, 3, 64, 64)
    stages = convnext(inputs, output_hidden_states=True).hidden_states[1:]
    for actual, stage in zip(backbone(inputs), stages, strict=True):
        torch.testing.assert_close(actual, stage)
    last = loaded('dinov3_vit', DINOV3, tmp_path / 'vit')(inputs)[-1]
    tokens = vit(inputs).last_hidden_state[:, 1 + vit.config.num_register_tokens :]
    torch.testing.assert_close(last.flatten(2).transpose(1, 2), tokens)


@pytest.fixture
def stored(tmp_path):
    """A ConvNeXt whose weights are in ``tmp_path``."""
    return saved(ConvNextModel, ConvNextConfig(**CONVNEXT), tmp_path)


def test_a_dual_backbone_loads_both_encoders_even_if_initialised_twice(stored, tmp_path):
    arch = dict(model_type='convnext', **CONVNEXT)
    encoder = dict(type='TransformersBackbone', arch=arch, weights=str(tmp_path))
    backbone = DualBackbone(encoder, encoder)
    backbone.init_weights()
    backbone.init_weights()
    expected = stored.encoder.stages[2].layers[0].pwconv1.weight
    for part in (backbone.rgb, backbone.depth):
        assert torch.equal(part.model.encoder.stages[2].layers[0].pwconv1.weight, expected)


def test_a_backbone_built_on_the_meta_device_is_filled(tmp_path):
    saved(SwinForImageClassification, SwinConfig(**SWIN), tmp_path)
    expected = loaded('swin', SWIN, tmp_path)
    with torch.device('meta'):
        backbone = TransformersBackbone(dict(model_type='swin', **SWIN), weights=str(tmp_path))
    backbone = backbone.to_empty(device='cpu').eval()
    for tensor in (*backbone.parameters(), *backbone.buffers()):
        tensor.data.fill_(0)
    backbone.init_weights()
    inputs = torch.randn(1, 3, 64, 64)
    for actual, reference in zip(backbone(inputs), expected(inputs), strict=True):
        assert torch.equal(actual, reference)


def edit(folder, change):
    state = load_file(folder / 'model.safetensors')
    change(state)
    save_file(state, folder / 'model.safetensors', metadata={'format': 'pt'})


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('encoder.stages.1.layers.0.dwconv.bias'), r'lack .*1\.layers\.0\.dwconv'),
        (lambda s: s.update(mystery=torch.ones(1)), 'have mystery, which the architecture'),
        (
            lambda s: s.update({'embeddings.patch_embeddings.weight': torch.ones(8, 4, 4, 4)}),
            r'patch_embeddings.weight \(8, 4, 4, 4\) instead of \(8, 3, 4, 4\)',
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, message, stored, tmp_path):
    edit(tmp_path, change)
    with pytest.raises(UserError, match=message):
        loaded('convnext', CONVNEXT, tmp_path)


def test_allowed_missing_keys_may_be_absent(stored, tmp_path):
    edit(tmp_path, lambda state: state.pop('encoder.stages.1.layers.0.dwconv.bias'))
    allowed = [r'^hidden_states_norms\.', r'dwconv\.bias$']
    backbone = loaded('convnext', CONVNEXT, tmp_path, allowed_missing=allowed)
    assert (backbone.model.encoder.stages[1].layers[0].dwconv.bias == 0).all()
    with pytest.raises(UserError, match='lack hidden_states_norms'):
        loaded('convnext', CONVNEXT, tmp_path, allowed_missing=[r'dwconv\.bias$'])


def test_half_precision_checkpoints_are_loaded_as_float32(tmp_path):
    model = randomize(ConvNextModel(ConvNextConfig(**CONVNEXT))).half()
    model.save_pretrained(tmp_path)
    weight = loaded('convnext', CONVNEXT, tmp_path).model.embeddings.patch_embeddings.weight
    assert torch.equal(weight, model.embeddings.patch_embeddings.weight.float())


def test_the_error_lists_the_keys_of_another_architecture(tmp_path):
    config = ConvNextConfig(**CONVNEXT, hidden_act='relu', drop_path_rate=0.7)
    saved(ConvNextModel, config, tmp_path)
    with pytest.raises(UserError) as error:
        loaded('convnext', dict(CONVNEXT, depths=[1, 1, 2, 1]), tmp_path)
    assert 'depths (arch [1, 1, 2, 1], weights [1, 1, 1, 1]), hidden_act' in str(error.value)
    assert 'drop_path' not in str(error.value)
    with pytest.raises(
        UserError, match='belong to a convnext model, but arch.model_type is .convnextv2'
    ):
        loaded('convnextv2', CONVNEXT, tmp_path)


def test_a_file_instead_of_a_folder_is_refused(tmp_path):
    (tmp_path / 'weights.pth').touch()
    with pytest.raises(UserError, match='weights.pth is a file, but transformers needs a folder'):
        loaded('convnext', CONVNEXT, tmp_path / 'weights.pth')


def test_a_missing_or_empty_folder_and_a_truncated_file_are_refused(stored, tmp_path):
    with pytest.raises(UserError, match='does not exist: download the weights with `hf download'):
        loaded('convnext', CONVNEXT, tmp_path / 'none')
    (tmp_path / 'empty').mkdir()
    content = (tmp_path / 'model.safetensors').read_bytes()
    (tmp_path / 'model.safetensors').write_bytes(content[: len(content) // 2])
    for folder in (tmp_path / 'empty', tmp_path):
        with pytest.raises(UserError, match='contains no readable transformers checkpoint'):
            loaded('convnext', CONVNEXT, folder)
    (tmp_path / 'model.safetensors').write_text('version https://git-lfs.github.com/spec/v1\n')
    with pytest.raises(UserError, match='model.safetensors in .* is a git-lfs pointer, not the'):
        loaded('convnext', CONVNEXT, tmp_path)


def test_without_network_the_error_explains_how_to_download(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_CACHE', str(tmp_path))
    with pytest.raises(UserError, match=r'hf download nobody/nothing --local-dir DIR') as error:
        loaded('convnext', CONVNEXT, 'nobody/nothing')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(('extra_bands', 'share'), [('zero', 0.0), ('mean', 1 / 3)])
def test_extra_bands_must_be_initialised_explicitly(stored, tmp_path, extra_bands, share):
    wider = dict(CONVNEXT, num_channels=5)
    with pytest.raises(
        UserError, match=r'have 3 bands, but arch.num_channels is 5: set extra_bands'
    ):
        loaded('convnext', wider, tmp_path)
    backbone = loaded('convnext', wider, tmp_path, extra_bands=extra_bands)
    kernels = backbone.model.embeddings.patch_embeddings.weight
    pretrained = stored.embeddings.patch_embeddings.weight
    assert torch.equal(kernels[:, :3], pretrained)
    for band in (3, 4):
        expected = share * pretrained.sum(1)
        torch.testing.assert_close(kernels[:, band], expected, rtol=1e-5, atol=1e-6)
    # All other weights are from the checkpoint: with 'zero' the features are those of three bands.
    if extra_bands == 'zero':
        inputs = torch.randn(1, 5, 64, 64)
        three = loaded('convnext', CONVNEXT, tmp_path)(inputs[:, :3])
        for actual, expected in zip(backbone(inputs), three, strict=True):
            torch.testing.assert_close(actual, expected)
    with pytest.raises(UserError, match="extra_bands='all' of TransformersBackbone must be 'zero'"):
        TransformersBackbone(dict(model_type='convnext'), extra_bands='all')
    with pytest.raises(
        UserError, match='num_channels is 1: set weights=None, or use the same number'
    ):
        loaded('convnext', dict(CONVNEXT, num_channels=1), tmp_path, extra_bands=extra_bands)
