import pytest
import torch
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.decode_heads.depthseg_head import DepthSegHead
from depthda.models.features import GuidedFeatures

SETTINGS = dict(in_channels=[6] * 4, channels=5, num_classes=3, norm_cfg=dict(type='BN'))
SETTINGS |= dict(align_corners=False, dropout_ratio=0)


def inputs(height: int, width: int) -> GuidedFeatures:
    prompts = [torch.randn(2, 4, -(-height * n // 2), -(-width * n // 2)) for n in (8, 4, 2, 1)]
    return GuidedFeatures([torch.randn(2, 6, height, width) for _ in range(4)], prompts)


def test_prompts_and_features_are_combined_from_coarse_to_fine():
    """The logits equal the same computation with plain functions."""
    head = DepthSegHead(**SETTINGS, prompt_channels=4).eval()
    features = inputs(3, 4)

    def convolve(block, maps):
        maps = F.conv2d(maps, block.conv.weight, padding=block.conv.kernel_size[0] // 2)
        norm = block.bn
        maps = F.batch_norm(maps, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return maps.relu()

    def combine(layer, *parts):
        return convolve(layer[1], convolve(layer[0], torch.cat(parts, 1)))

    f1, f2, f3, f4 = (
        layer[1](F.conv2d(maps, layer[0].weight, layer[0].bias))
        for layer, maps in zip(head.reassemble, features, strict=True)
    )
    p1, p2, p3, p4 = features.depth
    assert [maps.shape[2] for maps in (f1, f2, f3, f4)] == [12, 6, 3, 2]
    decoded = combine(head.input_layer, f4, p4)
    layers = zip(head.intermediate_layers, (f3, f2, f1), (p3, p2, p1), strict=True)
    for layer, feature, prompt in layers:
        decoded = F.interpolate(decoded, feature.shape[2:], mode='bilinear')
        decoded = combine(layer, decoded, feature, prompt)
    decoded = convolve(head.output_layer, F.interpolate(decoded, scale_factor=2, mode='bilinear'))
    logits = head.conv_seg(decoded)
    assert logits.shape == (2, 3, 24, 32)
    torch.testing.assert_close(head(features), logits, rtol=1e-5, atol=1e-5)


def test_a_head_without_prompts_has_no_weights_for_them():
    with_prompts = DepthSegHead(**SETTINGS, prompt_channels=4)
    without = DepthSegHead(**SETTINGS)
    count = [sum(p.numel() for p in head.parameters()) for head in (with_prompts, without)]
    assert count[0] - count[1] == 4 * 4 * 5  # four layers have four more input channels
    assert without(tuple(inputs(3, 4))).shape == (2, 3, 24, 32)
    with pytest.raises(UserError, match='got no prompts'):
        with_prompts([torch.randn(2, 6, 3, 4)] * 4)
    with pytest.raises(UserError, match='four feature maps, not 3'):
        DepthSegHead(**SETTINGS | dict(in_channels=[6] * 3, in_index=(0, 1, 2)))
