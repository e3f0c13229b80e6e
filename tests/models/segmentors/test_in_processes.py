"""Two processes compute the gradients of one with twice the batch, for each segmentation system.

This holds without batch norm, dropout and contrast, whose draws or statistics are those of a batch,
and if each process has as many labelled pixels.
"""

import copy

import pytest
import torch
import torch.distributed as dist
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from depthda.engine.overrides import all_nodes
from depthda.engine.prepare import load_config

CONFIGS = ('depthda_tiny_u2r', 'refinement_tiny_u2r', 'depthseg_tiny_u2r')
SIDE, IMAGES = 64, 4


def build(name):
    """Build a model of a config in double precision, without batch norm and dropout."""
    model = load_config(f'configs/sample/{name}.py').model
    for _, node in all_nodes(model):
        if isinstance(node, dict):
            if 'norm_cfg' in node:
                node.norm_cfg = dict(type='GN', num_groups=2)
            if 'num_classes' in node:
                node.dropout_ratio = 0.0
    torch.manual_seed(0)
    return MODELS.build(model).double().train()


def gradients(model, chosen, seed):
    """Return the gradients of some images; torch is seeded as a process seeds it."""
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(IMAGES, 4, SIDE, SIDE, generator=generator)
    images[:, :3] *= 255
    labels = torch.randint(7, (IMAGES, 1, SIDE, SIDE), generator=generator)
    meta = dict(img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE), pad_shape=(SIDE, SIDE))
    samples = [
        SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=each)) for each in labels[chosen]
    ]
    unwrapped = getattr(model, 'module', model)
    unwrapped.data_preprocessor.size = (SIDE, SIDE)
    torch.manual_seed(seed)
    data = dict(inputs=list(images[chosen]), data_samples=samples)
    data = unwrapped.data_preprocessor(data, training=True)
    data['inputs'] = data['inputs'].double()
    losses = model(**data, mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return {name: p.grad for name, p in unwrapped.named_parameters() if p.requires_grad}


def _rank(rank, store, name):
    init_default_scope('mmseg')
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    MessageHub.get_current_instance().update_info('iter', 5)
    model = build(name)
    expected = gradients(copy.deepcopy(model), slice(None), seed=7)
    wrapped = MMDistributedDataParallel(model, device_ids=None)
    actual = gradients(wrapped, slice(rank, None, 2), seed=8 + rank)
    assert sum(gradient.abs().max() > 1e-6 for gradient in expected.values()) > 20
    for key, value in expected.items():
        torch.testing.assert_close(actual[key].cpu(), value.cpu(), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize('name', CONFIGS)
def test_two_processes_equal_one_with_twice_the_batch(tmp_path, name):
    # Forked, because a new interpreter imports for seconds; with a GPU, autograd refuses that.
    method = 'spawn' if torch.cuda.is_available() else 'fork'
    arguments = (tmp_path / 'store', name)
    torch.multiprocessing.start_processes(_rank, arguments, nprocs=2, start_method=method)
