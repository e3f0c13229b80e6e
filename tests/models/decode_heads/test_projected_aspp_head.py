"""DeepLabV3's head against a second one, written as segmentation_models.pytorch builds it."""

import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import nn

CHANNELS, WIDTH, RATES = 6, 4, (2, 3)


def build(**rest):
    torch.manual_seed(0)
    given = dict(in_channels=CHANNELS, channels=WIDTH, num_classes=3, in_index=0)
    given |= dict(dilations=(1, *RATES), norm_cfg=dict(type='BN'), align_corners=False)
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(dict(type='ProjectedASPPHead', **given, **rest))


def layer(inputs, size=1, rate=1):
    padding = rate if size == 3 else 0
    convolution = nn.Conv2d(inputs, WIDTH, size, padding=padding, dilation=rate, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(WIDTH), nn.ReLU())


class Described(nn.Module):
    """Pyramid, 1 × 1 projection, dropout of .5, 3 × 3 convolution, one more for the classes."""

    def __init__(self):
        super().__init__()
        self.pool = layer(CHANNELS)
        self.pyramid = nn.ModuleList([layer(CHANNELS), *(layer(CHANNELS, 3, r) for r in RATES)])
        self.project = layer((len(RATES) + 2) * WIDTH)
        self.last = layer(WIDTH, 3)
        self.classes = nn.Conv2d(WIDTH, 3, 1)

    def forward(self, x):
        pooled = self.pool(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        x = torch.cat([pooled, *(each(x) for each in self.pyramid)], 1)
        return self.classes(self.last(self.project(x)))


def test_it_is_the_head_that_is_described():
    head, other = build().eval(), Described().eval()
    parts = {
        other.pool: head.image_pool[1],
        **dict(zip(other.pyramid, head.aspp_modules, strict=True)),
        other.project: head.bottleneck[0],
        other.last: head.bottleneck[2],
    }
    for reference, block in parts.items():
        torch.nn.init.normal_(block.bn.running_mean)
        reference[0].load_state_dict(block.conv.state_dict())
        reference[1].load_state_dict(block.bn.state_dict())
    other.classes.load_state_dict(head.conv_seg.state_dict())
    assert len(head.state_dict()) == len(other.state_dict())
    x = torch.randn(2, CHANNELS, 9, 7)
    torch.testing.assert_close(head([x]), other(x))


def test_dropout_is_of_single_values_after_the_projection_and_nowhere_else():
    head, seen = build().train(), {}
    head.bottleneck[0].register_forward_hook(lambda *args: seen.update(before=args[2]))
    head.bottleneck[2].register_forward_pre_hook(lambda _, args: seen.update(after=args[0]))
    head([torch.randn(4, CHANNELS, 32, 32)])
    positive = seen['before'] > 0
    factor = seen['after'] / seen['before']
    assert set(factor[positive].unique().round(decimals=4).tolist()) == {0, 2}
    # In every channel of every image: whole channels are not dropped.
    dropped = (positive & (factor == 0)).sum((2, 3)) / positive.sum((2, 3))
    assert 0.3 < dropped.min() and dropped.max() < 0.7
    dropouts = [part for part in head.modules() if isinstance(part, nn.modules.dropout._DropoutNd)]
    assert dropouts == [head.bottleneck[1]]
