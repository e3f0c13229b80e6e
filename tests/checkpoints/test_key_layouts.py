"""Checkpoints in other layouts: every tensor is read, and the model computes the same."""

import pytest
import torch
from convnext_names import SmallConvNeXt
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from torch import nn

from depthda.checkpoints.key_layouts import (
    MMPRETRAIN,
    ONE_ENCODER,
    RELEASE,
    WRAPPED,
    translate_keys,
)
from depthda.models.features import PairedFeatures

RGB, DEPTH = [8, 16, 24, 32], [4, 8, 12, 16]
DEPTHS = [1, 2, 1, 1]
BN = dict(type='BN')


@pytest.fixture(autouse=True)
def seed_and_names():
    torch.manual_seed(0)
    MODELS.register_module('SmallConvNeXt', force=True, module=SmallConvNeXt)


def backbone(widths):
    arch = dict(model_type='convnext', depths=DEPTHS, hidden_sizes=widths)
    return dict(type='TransformersBackbone', arch=arch)


def uper_head(widths):
    return dict(
        type='UPerHead',
        in_channels=widths,
        in_index=[0, 1, 2, 3],
        channels=8,
        num_classes=5,
        norm_cfg=BN,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss'),
    )


def guided(contrast=True, refined=True):
    """Build the framework around two tiny encoders of transformers."""
    fusion = dict(type='ConcatFusion', rgb_channels=RGB, depth_channels=DEPTH)
    neck = dict(type='MultiScaleContrastiveNeck', fusion=fusion, channels=8, norm_cfg=BN)
    head = uper_head([a + b for a, b in zip(RGB, DEPTH, strict=True)])
    wrapped = dict(type='DepthRefinedHead', head=head, depth_channels=4, channels=8, norm_cfg=BN)
    return shuffled(
        dict(
            type='DepthGuidedEncoderDecoder',
            data_preprocessor=dict(type='RGBDDataPreprocessor', mean=[0] * 3, std=[1] * 3),
            backbone=dict(type='DualBackbone', rgb=backbone(RGB), depth=backbone(DEPTH)),
            neck=neck if contrast else fusion,
            decode_head=wrapped if refined else head,
            auxiliary_head=dict(head, type='FCNHead', in_channels=36, in_index=2, num_convs=1),
            train_cfg=None,
            test_cfg=dict(mode='whole'),
        )
    )


def shuffled(config):
    """Build a model in which no two values are equal."""
    model = MODELS.build(Config(config)).eval()
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) / 4 + 0.1)
    return model


class Release(nn.Module):
    """Modules under the names of the released code; only the names count."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.backbone2 = (SmallConvNeXt(w, DEPTHS) for w in (RGB, DEPTH))
        head = uper_head([a + b for a, b in zip(RGB, DEPTH, strict=True)])
        aux = dict(head, type='FCNHead', in_channels=36, in_index=2, num_convs=1)
        self.decode_head, self.auxiliary_head = MODELS.build(head), MODELS.build(aux)
        self.decode_head.contrast_losses = nn.ModuleList(map(contrast_loss, RGB, DEPTH))
        refiner = nn.Module()
        refiner.logit_branch, refiner.depth_branch = branch(5), branch(4)
        refiner.fusion_branch = branch(16)
        refiner.fusion_branch.append(nn.Conv2d(8, 5, 1))
        refiner.refine_weight = nn.Parameter(torch.tensor(0.3))
        self.decode_head.mask_refiner = refiner


def branch(channels):
    conv = nn.Conv2d(channels, 8, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(8), nn.ReLU())


def contrast_loss(rgb, depth):
    loss = nn.Module()
    loss.fusion_weight_logit = nn.Parameter(torch.rand(()))
    loss.proj_head1, loss.proj_head2 = (
        nn.Sequential(nn.Conv2d(width, 8, 1, bias=False), nn.BatchNorm2d(8))
        for width in (rgb, depth)
    )
    return loss


def test_every_tensor_of_the_release_is_read():
    released, model = Release().eval(), guided()
    weights, layouts = translate_keys(released.state_dict(), model.state_dict().keys())
    assert layouts == sorted([MMPRETRAIN, RELEASE, ONE_ENCODER, WRAPPED])
    model.load_state_dict(weights)  # strict: none missing, none unexpected

    losses = released.decode_head.contrast_losses
    assert model.neck.mix.tolist() == [loss.fusion_weight_logit.item() for loss in losses]
    inputs = torch.randn(1, 4, 64, 64)
    with torch.no_grad():
        rgb = released.backbone(inputs[:, :3])
        depth = released.backbone2(inputs[:, 3:].expand(-1, 3, -1, -1))
        fused = [torch.cat(pair, 1) for pair in zip(rgb, depth, strict=True)]
        logits, refiner = released.decode_head(fused), released.decode_head.mask_refiner
        both = torch.cat([refiner.logit_branch(logits), refiner.depth_branch(depth[0])], 1)
        expected = logits + refiner.refine_weight.sigmoid() * refiner.fusion_branch(both)
        torch.testing.assert_close(model(inputs), expected, rtol=1e-4, atol=1e-5)
        for scale, loss in enumerate(losses):
            project = model.neck.rgb_projections[scale], model.neck.depth_projections[scale]
            for own, released, feature in zip(
                project, (loss.proj_head1, loss.proj_head2), (rgb[scale], depth[scale]), strict=True
            ):
                torch.testing.assert_close(own(feature), released(feature))


def test_a_checkpoint_of_the_release_is_loaded_as_its_training_wrote_it(tmp_path):
    """Through mmengine's loader, with the loss histories that its hook saves."""
    released, model = Release(), guided()
    histories = dict(log_scalars=dict(loss=HistoryBuffer([2.0], [1])))
    content = dict(state_dict=released.state_dict(), message_hub=histories, meta={})
    torch.save(content, tmp_path / 'iter_40000.pth')
    load_checkpoint(model, str(tmp_path / 'iter_40000.pth'), map_location='cpu')
    expected, _ = translate_keys(released.state_dict(), model.state_dict().keys())
    assert expected.keys() == model.state_dict().keys()
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize('contrast', [False, True])
def test_the_gated_fusion_of_the_release_is_read(contrast):
    gates = nn.ModuleList(
        nn.Conv2d(rgb + depth, 1, 1, bias=False) for rgb, depth in zip(RGB, DEPTH, strict=True)
    )
    mlps = nn.ModuleList(
        nn.Sequential(nn.Conv2d(depth, depth, 1), nn.GELU(), nn.Conv2d(depth, rgb, 1))
        for rgb, depth in zip(RGB, DEPTH, strict=True)
    )
    released = nn.ModuleDict(dict(neck=nn.ModuleDict(dict(down_channel=gates, soft_ffn=mlps))))
    fusion = dict(type='SpatialGatedFusion', rgb_channels=RGB, depth_channels=DEPTH)
    neck = dict(type='MultiScaleContrastiveNeck', fusion=fusion, channels=8, norm_cfg=BN)
    own = nn.ModuleDict(dict(neck=MODELS.build(neck if contrast else fusion)))
    weights, layouts = translate_keys(released.state_dict(), own.state_dict().keys())
    assert layouts == sorted([RELEASE] + [WRAPPED] * contrast)
    missing, unexpected = own.load_state_dict(weights, strict=False)
    assert not unexpected and all('fusion' not in key for key in missing)
    rgb = [torch.randn(1, width, 8, 8) for width in RGB]
    depth = [torch.randn(1, width, 8, 8) for width in DEPTH]
    maps = own.neck(PairedFeatures(tuple(rgb), tuple(depth)))
    for gate, mlp, optical, other, fused in zip(gates, mlps, rgb, depth, maps, strict=True):
        weight = gate(torch.cat([optical, other], 1)).sigmoid()
        torch.testing.assert_close(fused, optical + mlp(other * weight))


def plain(encoder):
    """mmseg's own model of one encoder."""
    return shuffled(
        dict(type='EncoderDecoder', backbone=encoder, decode_head=uper_head(RGB), test_cfg=None)
    )


@pytest.mark.parametrize('read_by_transformers', [True, False])
def test_a_convnext_is_read_under_either_name(read_by_transformers):
    named = plain(dict(type='SmallConvNeXt', widths=RGB, depths=DEPTHS))
    model = plain(backbone(RGB))
    source, target = (named, model) if read_by_transformers else (model, named)
    weights, layouts = translate_keys(source.state_dict(), target.state_dict().keys())
    assert layouts == [MMPRETRAIN]
    target.load_state_dict(weights)
    inputs = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(target(inputs), source(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_a_model_with_one_encoder_fills_the_optical_encoder(prefix):
    single, model = plain(dict(type='SmallConvNeXt', widths=RGB, depths=DEPTHS)), guided()
    stored = {prefix + key: value for key, value in single.state_dict().items()}
    names = model.state_dict()
    weights, layouts = translate_keys(stored, names.keys())
    encoder = {key: value for key, value in weights.items() if key.startswith('backbone.')}
    assert encoder.keys() == {key for key in names if key.startswith('backbone.rgb.')}
    model.load_state_dict(encoder, strict=False)
    inputs = torch.randn(1, 4, 64, 64)
    with torch.no_grad():
        for own, released in zip(
            model.backbone(inputs).rgb, single.backbone(inputs[:, :3]), strict=True
        ):
            torch.testing.assert_close(own, released, rtol=1e-4, atol=1e-5)


def test_a_head_is_read_with_and_without_refinement():
    plain_head, refined = guided(contrast=False, refined=False), guided()
    for source, target in ((plain_head, refined), (refined, plain_head)):
        weights, layouts = translate_keys(source.state_dict(), target.state_dict().keys())
        assert layouts == [WRAPPED]
        shared = weights.keys() & target.state_dict().keys()
        assert sum(key.startswith('decode_head.') for key in shared) == len(
            plain_head.decode_head.state_dict()
        )


def test_checkpoints_of_this_package_and_unknown_names_stay_as_they_are():
    model = guided()
    weights = model.state_dict()
    assert translate_keys(weights, weights.keys()) == (dict(weights), [])
    other = {'backbone.layer1.0.conv1.weight': torch.zeros(1), 'head.fc.bias': torch.zeros(1)}
    assert translate_keys(other, weights.keys()) == (other, [])
    # Depth alone is not read as the optical bands.
    nested = {'backbone.backbone.stages.0.0.gamma': torch.zeros(1)}
    assert translate_keys(nested, weights.keys()) == (nested, [])


def test_resnets_keep_their_names_whatever_their_encoder_is_called():
    resnet = dict(type='ResNet', depth=18, base_channels=4, stem_channels=4, norm_cfg=BN)
    single = MODELS.build(resnet).state_dict()
    pair = MODELS.build(dict(type='DualBackbone', rgb=resnet, depth=resnet)).state_dict()
    stored = {f'backbone.{key}': value for key, value in single.items()}
    weights, layouts = translate_keys(stored, [f'backbone.{key}' for key in pair])
    assert layouts == [ONE_ENCODER]
    assert weights.keys() == {f'backbone.rgb.{key}' for key in single}
