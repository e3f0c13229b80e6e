"""A tiny ST-DASegNet: two ResNet-18s with four channels and two UPerHeads."""

from tiny_adaptation import segmentor

CRITIC = dict(type='StyleCritic', in_channels=4, channels=(4,))


def styled():
    config = segmentor()
    widths = [4, 8, 16, 32]
    head = config.decode_head | dict(in_channels=[4, 8, 16, 36])
    return segmentor(
        backbone=dict(type='TwoStyleBackbone', encoder=config.backbone),
        neck=dict(type='StyleSelection', in_channels=widths),
        decode_head=dict(type='StyleHeads', head=head),
        auxiliary_head=None,
    )
