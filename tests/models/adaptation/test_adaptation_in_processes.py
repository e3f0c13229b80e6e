"""Two processes compute the gradients of one with twice the batch.

This holds where a batch has no statistics of its own. Exempt are batch norm, the share of confident
pixels of a batch (``per_image=False``), dropout, and means over labelled pixels or positions that
are not equally many in each process.
"""

import copy

import pytest
import torch
import torch.distributed as dist
from labelled_samples import labelled
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample
from tiny_adaptation import CLASSES, SIZE, adapted, segmentor, total
from torch import nn

from depthda.models.adaptation.heads import heads

PAIRS = 4
SHARE = dict(type='ConfidentShare', threshold=0.4, per_image=True)
SELF_TRAINING = dict(
    teacher=dict(type='EMATeacher', momentum=0.5),
    pseudo=SHARE,
    mix=dict(type='ClassMix'),
    augmentation=[dict(type='StrongAugmentation')],
    terms=[
        dict(type='MaskedConsistency', block=8, ratio=0.5),
        # The distance of all positions, so that each process has as many.
        dict(type='FeatureDistance', weight=0.1, majority=0.0),
    ],
)
CRITIC = dict(type='OutputCritic', channels=(4, 8))
CRITICS = [
    dict(type='OutputAdversary', critic=CRITIC, weight=1.0, head=head)
    for head in ('decode_head', 'auxiliary_head')
]


def batch(chosen):
    """Return pairs of images whose samples have seeds, the same numbers in any process."""
    generator = torch.Generator().manual_seed(3)
    images, others = torch.rand(2, PAIRS, 3, SIZE, SIZE, generator=generator) * 200
    labels = torch.randint(CLASSES, (PAIRS, SIZE, SIZE), generator=generator)
    seeds = [SegDataSample(metainfo=dict(sample_seed=number)) for number in range(PAIRS)]
    return dict(
        inputs=dict(source=list(images[chosen]), target=list(others[chosen])),
        data_samples=dict(source=labelled(labels[chosen]), target=seeds[chosen]),
    )


def with_group_norm(config):
    norm = dict(norm_cfg=dict(type='GN', num_groups=2))
    for part in ('backbone', 'decode_head', 'auxiliary_head'):
        config[part].update(norm)
    return config


def gradients(model, chosen, seed):
    """Return the gradients of some pairs; torch is seeded as a process seeds it."""
    unwrapped = getattr(model, 'module', model)
    torch.manual_seed(seed)
    data = unwrapped.data_preprocessor(batch(chosen), training=True)
    data['inputs'] = {domain: images.double() for domain, images in data['inputs'].items()}
    total(model(**data, mode='loss')).backward()
    return {name: p.grad for name, p in unwrapped.named_parameters() if p.requires_grad}


def _rank(rank, store, parts, same):
    init_default_scope('mmseg')
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    torch.manual_seed(0)
    model = adapted(parts, segmentor=with_group_norm(segmentor())).double()
    for head in heads(model.segmentor).values():
        nn.init.normal_(head.conv_seg.weight)
    if model.teacher:
        for parameter in model.teacher.parameters():
            nn.init.normal_(parameter, std=0.3)
    MessageHub.get_current_instance().update_info('iter', 5)
    expected = gradients(copy.deepcopy(model), slice(None), seed=7)
    wrapped = MMDistributedDataParallel(model, device_ids=None)
    actual = gradients(wrapped, slice(rank, None, 2), seed=8 + rank)
    assert all(gradient.abs().max() > 1e-5 for gradient in expected.values())
    largest = max((actual[name] - value).abs().max() for name, value in expected.items())
    assert (largest < 1e-9) == same, largest


@pytest.mark.parametrize(
    'parts, same',
    [
        (SELF_TRAINING, True),
        (SELF_TRAINING | dict(pseudo=SHARE | dict(per_image=False)), False),
        (dict(terms=CRITICS), True),
    ],
    ids=['self-training', 'share of the batch', 'critics'],
)
def test_two_processes_equal_one_with_twice_the_batch(tmp_path, parts, same):
    # Forked, because a new interpreter imports for seconds; with a GPU, autograd refuses that.
    method = 'spawn' if torch.cuda.is_available() else 'fork'
    arguments = (tmp_path / 'store', parts, same)
    torch.multiprocessing.start_processes(_rank, arguments, nprocs=2, start_method=method)
