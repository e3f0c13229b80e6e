"""The refinement head of the released code, rebuilt from its description."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import nn

from depthda.models.features import GuidedFeatures


class Released(nn.Module):
    """Merge branches for logits and depth, and add a residual with a learned factor."""

    def __init__(self, classes, depth_channels, width):
        super().__init__()
        self.on_logits = block(classes, width)
        self.on_depth = block(depth_channels, width)
        self.joined = block(2 * width, width)
        self.last = nn.Conv2d(width, classes, 1)
        self.factor = nn.Parameter(torch.tensor(0.3))

    def forward(self, logits, depth):
        depth = F.interpolate(depth, logits.shape[2:], mode='bilinear', align_corners=False)
        both = torch.cat([self.on_logits(logits), self.on_depth(depth)], 1)
        return logits + self.factor.sigmoid() * self.last(self.joined(both))


def block(inputs, outputs):
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


@pytest.fixture
def pair():
    """Return the head on ConvNeXt-B+S, and the released head with the same weights."""
    torch.manual_seed(0)
    norm, loss = dict(type='BN'), dict(type='CrossEntropyLoss')
    head = dict(
        type='FCNHead', in_channels=8, channels=8, num_convs=0, concat_input=False, num_classes=7,
        norm_cfg=norm, loss_decode=loss,
    )  # fmt: skip
    config = dict(type='DepthRefinedHead', head=head, depth_channels=96, norm_cfg=norm)
    refined = MODELS.build(config)
    released = Released(7, 96, 64)
    for state in (refined.state_dict(), released.state_dict()):
        assert all(value.numel() for value in state.values())
    names = dict(
        logits_branch='on_logits', depth_branch='on_depth', merge='joined', residual='last'
    )
    with torch.no_grad():
        for name, released_name in names.items():
            parts = (
                getattr(refined, name).state_dict(),
                getattr(released, released_name).state_dict(),
            )
            for one, other in zip(parts[0].values(), parts[1].values(), strict=True):
                if one.is_floating_point():
                    other.copy_(one.uniform_(0.1, 0.5) if one.ndim == 1 else one)
        released.factor.copy_(refined.step)
    return refined, released


def test_it_has_the_released_size_and_initial_factor(pair):
    refined, released = pair
    own = [weight for name, weight in refined.named_parameters() if not name.startswith('head.')]
    assert sum(weight.numel() for weight in own) == 133_896
    assert sum(weight.numel() for weight in released.parameters()) == 133_896
    assert refined.step.sigmoid().item() == pytest.approx(0.574443, abs=1e-6)


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize(
    'size, depth_size', [((16, 16), (16, 16)), ((16, 16), (8, 8)), ((13, 11),) * 2]
)
def test_it_refines_as_the_released_head(pair, training, size, depth_size):
    refined, released = (head.train(training) for head in pair)
    logits, depth = torch.randn(2, 7, *size), torch.randn(2, 96, *depth_size)
    found = refined.refine(logits, GuidedFeatures([logits], [depth]))
    torch.testing.assert_close(found, released(logits, depth), rtol=1e-5, atol=1e-5)
    assert (found - logits).abs().mean() > 0.01
