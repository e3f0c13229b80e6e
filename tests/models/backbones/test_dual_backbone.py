import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

import depthda.models.backbones.transformers_backbone  # noqa: F401  registers
from depthda.errors import UserError
from depthda.models.backbones.dual_backbone import DualBackbone


def echo(in_channels):
    return dict(type='Echo', in_channels=in_channels)


@MODELS.register_module()
class Echo(nn.Module):
    """A backbone whose only feature is its input."""

    def __init__(self, in_channels):
        super().__init__()
        self.in_channels = in_channels
        self.initialized = False

    def init_weights(self):
        self.initialized = True

    def forward(self, inputs):
        assert inputs.shape[1] == self.in_channels
        return [inputs]


def test_channels_are_split_and_missing_depth_is_zero():
    backbone = DualBackbone(echo(4), echo(2), optical_bands=4, depth_in_channels=2)
    inputs = torch.randn(2, 5, 3, 3)
    inputs[0, 4, 1, 1] = torch.nan
    rgb, depth = backbone(inputs)
    assert torch.equal(rgb[0], inputs[:, :4])
    expected = inputs[:, 4].clone()
    expected[0, 1, 1] = 0
    assert torch.equal(depth[0][:, 0], expected) and torch.equal(depth[0][:, 1], expected)


def test_init_weights_initialises_both_backbones_and_an_image_without_depth_is_refused():
    backbone = DualBackbone(echo(3), echo(3))
    backbone.init_weights()
    assert backbone.rgb.initialized and backbone.depth.initialized
    with pytest.raises(
        UserError, match='3 channels, but it needs 3 optical bands followed by depth'
    ):
        backbone(torch.rand(1, 3, 4, 4))


BN = dict(type='BN')
MMSEG = {
    'resnet': dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=BN),
    'mit': dict(
        type='MixVisionTransformer', embed_dims=8, num_layers=[1] * 4, num_heads=[1, 1, 2, 2]
    ),
    'swin': dict(
        type='SwinTransformer', embed_dims=8, depths=[2] * 4, num_heads=[1, 1, 2, 2], window_size=4
    ),
}


@pytest.mark.parametrize('name', MMSEG)
def test_mmseg_backbones_can_be_paired_with_transformers(name, tiny_backbone):
    rgb_alone = MODELS.build(MMSEG[name])
    backbone = DualBackbone(MMSEG[name], tiny_backbone())
    rgb_alone.eval()
    backbone.eval()
    backbone.rgb.load_state_dict(rgb_alone.state_dict())
    inputs = torch.randn(1, 4, 64, 96)
    rgb, depth = backbone(inputs)
    for paired, alone in zip(rgb, rgb_alone(inputs[:, :3]), strict=True):
        assert torch.equal(paired, alone)
    sides = [tuple(feature.shape[2:]) for feature in rgb]
    assert sides == [tuple(feature.shape[2:]) for feature in depth]
    assert sides == [(16, 24), (8, 12), (4, 6), (2, 3)]
