"""Small versions of both networks learn four tiles by heart, and every parameter takes part."""

import pytest
import torch
from labelled_samples import labelled
from mmengine.config import ConfigDict
from mmseg.registry import MODELS

BN = dict(type='BN', momentum=0.5)  # running statistics of a short training
CE = dict(type='CrossEntropyLoss', avg_non_ignore=True)
DICE = dict(type='BatchDiceLoss', loss_weight=0.5)
HEAD = dict(channels=16, num_classes=5, norm_cfg=BN)
MODELS_AND_STEPS = {
    'ST-UNet': (
        dict(
            backbone=dict(
                type='STUNet', width=8, units=(1, 1, 1, 1), embed_dims=8, depths=(2, 2, 1, 1),
                num_heads=(1, 1, 2, 2), window_size=4, norm_cfg=BN,
            ),
            decode_head=dict(
                HEAD, type='STUNetHead', in_channels=[32, 64, 128, 256],
                loss_decode=[dict(CE, loss_weight=0.5), DICE],
            ),
        ),
        40,
        1e-2,
    ),
    'CTCFNet': (
        dict(
            backbone=dict(
                type='CTCFNet', image_size=64, embed_dims=(8, 16, 24, 32), norm_cfg=BN,
                cnn_channels=(16, 16, 20, 40), depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2),
            ),
            decode_head=dict(
                HEAD, type='CTCFNetHead', in_channels=[8, 16, 24, 32], align_corners=True,
                loss_decode=CE,
            ),
        ),
        40,
        3e-3,
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', MODELS_AND_STEPS)
def test_four_tiles_of_noise_are_learned_by_heart(name):
    parts, steps, rate = MODELS_AND_STEPS[name]
    prepared = dict(type='RGBDDataPreprocessor', mean=[0.0] * 3, std=[1.0] * 3, depth='drop')
    model = dict(type='DepthGuidedEncoderDecoder', data_preprocessor=prepared, **parts)
    network = MODELS.build(ConfigDict(model, train_cfg=dict(), test_cfg=dict(mode='whole')))
    images, labels = torch.randn(4, 3, 64, 64), torch.randint(5, (4, 4, 4))
    labels = labels.repeat_interleave(16, 1).repeat_interleave(16, 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    network.train()
    history, silent = [], None
    for _ in range(steps):
        losses = network(images, labelled(labels), mode='loss')
        total = sum(value for key, value in losses.items() if 'loss' in key)
        optimizer.zero_grad()
        total.backward()
        named = network.named_parameters()
        without = {key for key, p in named if p.grad is None or not p.grad.abs().sum() > 0}
        silent = without if silent is None else silent & without
        optimizer.step()
        history.append({key: value.item() for key, value in losses.items()})
    network.eval()
    with torch.no_grad():
        found = network.encode_decode(images, [dict(img_shape=(64, 64))] * 4).argmax(1)
    assert (found == labels).float().mean() > 0.95
    assert not silent
    for key in history[0]:
        if 'loss' in key:
            assert history[-1][key] < 0.95 * history[0][key], key
