"""The code of ``docs/wrap-your-model.md`` runs unchanged."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

PAGE = Path(__file__).parents[1] / 'docs' / 'wrap-your-model.md'
BLOCKS = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)


def names_after(steps: int) -> dict:
    """Return the names that the first blocks of the page define."""
    names: dict = {}
    for block in BLOCKS[:steps]:
        exec(block, names)
    return names


def unsynchronised(config: dict) -> ConfigDict:
    """Replace synchronised batch norm by the ordinary one, for a single process."""
    return ConfigDict(eval(repr(config).replace('SyncBN', 'BN')))


@pytest.mark.parametrize('steps', [2, 3, 4])
def test_each_step_trains_and_predicts(steps):
    torch.manual_seed(0)
    model = MODELS.build(unsynchronised(names_after(steps)['model']))
    labels = [torch.randint(7, (1, 128, 128)) for _ in range(2)]
    meta = dict(img_shape=(128, 128), ori_shape=(128, 128), pad_shape=(128, 128))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x), metainfo=dict(meta)) for x in labels]
    inputs = torch.randn(2, 4, 128, 128)
    losses = model(inputs, samples, mode='loss')
    assert ('neck.loss_contrast' in losses) == (steps >= 3)
    assert ('decode.refined.loss_ce' in losses) == (steps >= 4)
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert all(weight.grad is not None for weight in model.parameters())
    model.eval()
    with torch.no_grad():
        assert model(inputs, samples, mode='predict')[0].pred_sem_seg.data.shape == (1, 128, 128)


def test_a_plain_vit_gets_a_pyramid():
    vit = unsynchronised(names_after(5)['vit'])
    vit.backbone.arch.update(hidden_size=16, num_hidden_layers=12, num_attention_heads=2)
    vit.neck.embed_dim = 16
    backbone = MODELS.build(vit)
    sizes = [tuple(feature.shape[1:]) for feature in backbone(torch.randn(1, 3, 112, 112))]
    assert sizes == [(16, 32, 32), (16, 16, 16), (16, 8, 8), (16, 4, 4)]
    pair = MODELS.build(dict(type='DualBackbone', rgb=vit, depth=vit))
    features = pair(torch.randn(1, 4, 112, 112))
    assert [x.shape for x in features.rgb] == [x.shape for x in features.depth]
