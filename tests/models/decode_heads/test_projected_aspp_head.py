"""The head equals a second implementation, built like that of segmentation_models.pytorch."""

import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import nn

CHANNELS, WIDTH, RATES = 6, 4, (2, 3)


def build(**changes):
    torch.manual_seed(0)
    settings = dict(in_channels=CHANNELS, channels=WIDTH, num_classes=3, in_index=0)
    settings |= dict(dilations=(1, *RATES), norm_cfg=dict(type='BN'), align_corners=False)
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(dict(type='ProjectedASPPHead', **settings, **changes))


def layer(inputs, size=1, rate=1):
    padding = rate if size == 3 else 0
    convolution = nn.Conv2d(inputs, WIDTH, size, padding=padding, dilation=rate, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(WIDTH), nn.ReLU())


class Reference(nn.Module):
    """Pyramid, 1 × 1 projection, 3 × 3 convolution and classifier; dropout is left out."""

    def __init__(self):
        super().__init__()
        self.pool = layer(CHANNELS)
        self.pyramid = nn.ModuleList([layer(CHANNELS), *(layer(CHANNELS, 3, r) for r in RATES)])
        self.project = layer((len(RATES) + 2) * WIDTH)
        self.last = layer(WIDTH, 3)
        self.classes = nn.Conv2d(WIDTH, 3, 1)

    def forward(self, x):
        pooled = self.pool(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        x = torch.cat([pooled, *(branch(x) for branch in self.pyramid)], 1)
        return self.classes(self.last(self.project(x)))


def test_the_head_equals_the_reference():
    head, reference = build().eval(), Reference().eval()
    parts = {
        reference.pool: head.image_pool[1],
        **dict(zip(reference.pyramid, head.aspp_modules, strict=True)),
        reference.project: head.bottleneck[0],
        reference.last: head.bottleneck[2],
    }
    for part, block in parts.items():
        torch.nn.init.normal_(block.bn.running_mean)
        part[0].load_state_dict(block.conv.state_dict())
        part[1].load_state_dict(block.bn.state_dict())
    reference.classes.load_state_dict(head.conv_seg.state_dict())
    assert len(head.state_dict()) == len(reference.state_dict())
    x = torch.randn(2, CHANNELS, 9, 7)
    torch.testing.assert_close(head([x]), reference(x))


def test_the_only_dropout_drops_single_values_after_the_projection():
    head, seen = build().train(), {}
    head.bottleneck[0].register_forward_hook(lambda *args: seen.update(before=args[2]))
    head.bottleneck[2].register_forward_pre_hook(lambda _, args: seen.update(after=args[0]))
    head([torch.randn(4, CHANNELS, 32, 32)])
    positive = seen['before'] > 0
    factor = seen['after'] / seen['before']
    assert set(factor[positive].unique().round(decimals=4).tolist()) == {0, 2}
    # Every channel of every image loses about half of its values, so no channel is dropped.
    dropped = (positive & (factor == 0)).sum((2, 3)) / positive.sum((2, 3))
    assert 0.3 < dropped.min() and dropped.max() < 0.7
    dropouts = [part for part in head.modules() if isinstance(part, nn.modules.dropout._DropoutNd)]
    assert dropouts == [head.bottleneck[1]]
