"""An iteration shares what its parts compute, without a change to the segmentor."""

import copy

import pytest
import torch
from mmengine.structures import PixelData
from tiny_adaptation import adapted, gradients, pair, segmentor

from depthda.errors import UserError
from depthda.models.adaptation.heads import heads
from depthda.models.adaptation.recorded_pass import recorded_pass
from depthda.models.adaptation.step import AdaptationStep
from depthda.models.features import PairedFeatures
from depthda.models.tensors import weighted


def step_of(model, batch):
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    return AdaptationStep(model, **data_of(data), iteration=3)


def data_of(data):
    return dict(images=data['inputs'], samples=data['data_samples'])


def test_features_logits_and_losses_of_the_source_come_from_one_pass():
    model, batch = adapted(dropout=0.0), pair()
    plain, step = copy.deepcopy(model.segmentor), step_of(model, batch)
    logits, features, losses = step.source.logits, step.source.encoded, step.source_losses
    expected = plain.backbone(step.source_images)
    assert all(map(torch.equal, features, expected))
    assert logits.keys() == {'decode_head', 'auxiliary_head'}
    assert torch.equal(logits['decode_head'], plain.decode_head(expected))
    assert torch.equal(logits['auxiliary_head'], plain.auxiliary_head(expected))
    assert losses is step.source_losses
    # A second pass would have moved the statistics of batch norm twice.
    state = plain.state_dict()
    for name, value in model.segmentor.state_dict().items():
        torch.testing.assert_close(value, state[name])
    features[-1].sum().backward()
    assert gradients(model.segmentor.backbone)['layer4.0.conv1.weight'].abs().sum() > 0


def test_the_logits_of_a_refined_head_are_the_refined_ones(tiny_model):
    config = tiny_model()
    config.decode_head = dict(
        type='DepthRefinedHead', head=config.decode_head, depth_channels=4, channels=4,
        norm_cfg=dict(type='BN'),
    )  # fmt: skip
    model = adapted(segmentor=config)
    head = model.segmentor.decode_head
    torch.nn.init.normal_(head.residual.weight)
    head.head.dropout = torch.nn.Identity()
    plain, step = copy.deepcopy(model.segmentor), step_of(model, pair(size=64, channels=4))
    assert isinstance(step.source.encoded, PairedFeatures)
    features = plain.extract_feat(step.source_images)
    expected = plain.decode_head(features)
    assert not torch.allclose(expected, plain.decode_head.head(features), atol=1e-2)
    torch.testing.assert_close(step.source.logits['decode_head'], expected)


def test_heads_are_restored_even_after_an_exception():
    model = adapted()
    for head in heads(model.segmentor).values():
        assert 'forward' not in vars(head)
    with pytest.raises(ZeroDivisionError), recorded_pass(model.segmentor):
        raise ZeroDivisionError
    for head in heads(model.segmentor).values():
        assert 'forward' not in vars(head)
    step = step_of(model, pair())
    assert step.source_losses and not model.segmentor.backbone._forward_hooks


def test_auxiliary_heads_are_numbered_if_there_are_several():
    assert list(heads(adapted(auxiliary_head=None).segmentor)) == ['decode_head']
    several = adapted(auxiliary_head=[segmentor().auxiliary_head] * 2).segmentor
    named = heads(several)
    assert list(named) == ['decode_head', 'auxiliary_head0', 'auxiliary_head1']
    assert [named['auxiliary_head0'], named['auxiliary_head1']] == list(several.auxiliary_head)


def test_padding_of_target_images_is_ignored_and_labels_of_the_target_are_not_read():
    parts = dict(teacher=dict(type='EMATeacher'), pseudo=dict(type='ConfidentShare', threshold=0.0))
    model, batch = adapted(parts), pair()
    batch['inputs']['target'][1] = batch['inputs']['target'][1][:, :20, :26]
    same, step = copy.deepcopy(model), step_of(model, batch)
    losses, (labels, weights) = model.losses(step), step.pseudo_labels
    assert (labels[0] < 5).all() and (labels[1, :20, :26] < 5).all() and (weights == 1).all()
    assert (labels[1] == 255).sum() == 32 * 32 - 20 * 26
    for sample in batch['data_samples']['target']:
        sample.gt_sem_seg = PixelData(data=torch.full((1, 32, 32), 4))
    assert losses['target.decode.loss_ce'] > 0
    assert same.losses(step_of(same, batch)) == losses


def test_draws_use_the_target_samples_and_labelled_images_get_the_source_metadata():
    model, batch, seen = adapted(), pair(), []
    for domain, first in (('source', 10), ('target', 20)):
        for number, sample in enumerate(batch['data_samples'][domain]):
            sample.set_metainfo(dict(sample_seed=first + number))
    step = step_of(model, batch)
    assert step.draws.seeds == [20, 21]
    model.segmentor.loss = lambda images, samples: seen.extend(samples) or {}
    labels = torch.stack([torch.full((32, 32), number) for number in (2, 3)])
    step.losses(step.target_images, labels, torch.ones(2, 32, 32))
    assert [sample.sample_seed for sample in seen] == [10, 11]
    assert torch.equal(torch.cat([sample.gt_sem_seg.data for sample in seen]), labels)


def test_domains_of_two_sizes_are_refused():
    model, batch = adapted(), pair()
    data = model.data_preprocessor(batch, training=True)
    data['inputs']['target'] = data['inputs']['target'][..., :24]
    with pytest.raises(
        UserError, match='source images have 32 × 32 pixels, but target images have'
    ):
        AdaptationStep(model, **data_of(data), iteration=0)


def test_weights_multiply_only_losses_also_in_lists():
    losses = {'a.loss': torch.tensor(2.0), 'loss_b': [torch.tensor(3.0)], 'acc': torch.tensor(4.0)}
    assert weighted(losses, 1.0) == losses
    assert weighted(losses, 0.5) == {'a.loss': 1, 'loss_b': [1.5], 'acc': 4}
