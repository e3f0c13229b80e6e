"""The losses of an adaptation equal those of its parts, and without parts those of the source."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from tiny_adaptation import (
    CLASSES,
    SIZE,
    adapted,
    gradients,
    losses_of,
    pair,
    segmentor,
    source_of,
    total,
)
from torch import nn
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.class_mix import LabelledImages
from depthda.models.adaptation.draws import SampleDraws
from depthda.models.adaptation.pseudo_labels import IGNORED

TEACHER, SHARE = dict(type='EMATeacher', momentum=0.9), dict(type='ConfidentShare', threshold=0.3)
MIX, STRONG = dict(type='ClassMix'), dict(type='StrongAugmentation', jitter=1.0, blur=1.0)
SELF_TRAINING = dict(teacher=TEACHER, pseudo=SHARE, mix=MIX, augmentation=[STRONG])
MASKED = dict(type='MaskedConsistency', block=8, ratio=0.5, weight=0.7)
SOURCE_LOSSES = {'decode.loss_ce', 'decode.acc_seg', 'aux.loss_ce', 'aux.acc_seg'}


class IgnoreAll(nn.Module):
    """A rule that ignores every pixel."""

    def forward(self, probabilities):
        weights, labels = probabilities.max(1)
        return torch.full_like(labels, IGNORED), torch.ones_like(weights)


def confident(model):
    """Initialise the head with logits of about unit size, so that some pixels are confident."""
    nn.init.normal_(model.segmentor.decode_head.conv_seg.weight)
    return model


def prefixed(name):
    return {f'{name}.{key}' for key in SOURCE_LOSSES}


def test_without_parts_losses_and_gradients_are_those_of_the_segmentor():
    model, batch = adapted(dropout=0.5), pair()
    plain = copy.deepcopy(model.segmentor)
    data = plain.data_preprocessor(source_of(batch), training=True)
    torch.manual_seed(3)
    expected = plain(**data, mode='loss')
    total(expected).backward()
    batch['inputs']['target'] = [torch.full((3, SIZE, SIZE), torch.nan)] * 2  # it is not read
    torch.manual_seed(3)
    losses = losses_of(model, batch)
    total(losses).backward()
    assert losses.keys() == SOURCE_LOSSES
    assert all(torch.equal(losses[name], value) for name, value in expected.items())
    actual = gradients(model)
    assert actual.keys() == {f'segmentor.{name}' for name in gradients(plain)}
    for name, gradient in gradients(plain).items():
        assert gradient is not None and torch.equal(actual[f'segmentor.{name}'], gradient), name
    state = model.segmentor.state_dict()
    assert all(torch.equal(state[name], value) for name, value in plain.state_dict().items())


def weighted_losses(model, images, labels, weights):
    """Return Σ w ce / (number of labelled pixels) of both heads, and the accuracy of the first.

    The loss of the second head counts 0.4 times.
    """
    features, counted = model.backbone(images), labels != 255
    means, accuracies = [], []
    for head in (model.decode_head, model.auxiliary_head):
        logits = F.interpolate(head(features), labels.shape[1:], mode='bilinear')
        losses = F.cross_entropy(logits, labels, reduction='none', ignore_index=255)
        means.append((losses * weights)[counted].sum() / counted.sum())
        accuracies.append(100 * (logits.argmax(1) == labels)[counted].float().mean())
    return (means[0], 0.4 * means[1]), accuracies[0]


def test_the_total_equals_the_sum_of_its_parts_and_no_gradient_reaches_the_teacher():
    weights = dict(source_weight=0.5, pseudo_weight=2.0)
    model = confident(adapted(SELF_TRAINING | dict(terms=[MASKED]) | weights))
    student, batch = copy.deepcopy(model.segmentor), pair()
    teacher = copy.deepcopy(student).eval()
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    source, target = (data['inputs'][domain] for domain in ('source', 'target'))
    source_labels = torch.cat([sample.gt_sem_seg.data for sample in data['data_samples']['source']])
    large = F.interpolate(teacher(target), (SIZE, SIZE), mode='bilinear').softmax(1).detach()
    highest, labels = large.max(1)
    model.pseudo.threshold = float(highest.quantile(0.3))
    share = (highest >= model.pseudo.threshold).float().mean()
    assert share == pytest.approx(0.7, abs=1e-3) and len(labels.unique()) > 1
    torch.manual_seed(5)
    losses = model(**data, mode='loss')
    total(losses).backward()

    shares = torch.full(labels.shape, float(share))
    torch.manual_seed(5)
    named = SampleDraws(data['data_samples']['target']).named
    mixed = model.mix(
        LabelledImages(source, source_labels, torch.ones_like(shares)),
        LabelledImages(target, labels, shares),
        3,
        CLASSES,
        named('classes'),
    )
    scales = student.data_preprocessor.mean, student.data_preprocessor.std
    (strong,) = model.augmentation
    images = strong(mixed.images, *scales, named('mixed/StrongAugmentation'))
    augmented = strong(target, *scales, named('masked/StrongAugmentation'))
    masked = model.terms[0].hide(augmented, 3, named('blocks'))
    expected = {
        '': (0.5, weighted_losses(student, source, source_labels, torch.ones_like(shares))),
        'mix.': (2.0, weighted_losses(student, images, mixed.labels, mixed.weights)),
        'masked.': (0.7, weighted_losses(student, masked, labels, shares)),
    }
    for prefix, (weight, (values, accuracy)) in expected.items():
        for name, value in zip(('decode', 'aux'), values, strict=True):
            torch.testing.assert_close(losses[f'{prefix}{name}.loss_ce'], weight * value)
        torch.testing.assert_close(losses[f'{prefix}decode.acc_seg'], accuracy[None])
    assert losses['pseudo_weight'] == share and not losses['pseudo_weight'].requires_grad
    names = SOURCE_LOSSES | prefixed('mix') | prefixed('masked') | {'pseudo_weight'}
    assert losses.keys() == names
    by_hand = sum(weight * sum(values) for weight, (values, _) in expected.values())
    torch.testing.assert_close(total(losses), by_hand)
    by_hand.backward()
    actual = gradients(model)
    for name, gradient in gradients(student).items():
        assert gradient.abs().sum() > 0
        torch.testing.assert_close(actual[f'segmentor.{name}'], gradient, rtol=1e-3, atol=1e-5)
        assert actual[f'teacher.model.{name}'] is None


def test_in_the_warm_up_only_the_source_counts_but_the_teacher_follows(at_iteration):
    model, batch = adapted(SELF_TRAINING | dict(warm_up=2, terms=[MASKED])), pair()
    for iteration in range(4):
        at_iteration(iteration)
        weight = model.segmentor.decode_head.conv_seg.weight.data
        before = model.teacher.model.decode_head.conv_seg.weight.clone()
        weight += 1
        losses = losses_of(model, batch)
        assert (losses.keys() == SOURCE_LOSSES) == (iteration < 2)
        share = min(1 - 1 / (iteration + 1), 0.9)
        followed = model.teacher.model.decode_head.conv_seg.weight
        torch.testing.assert_close(followed, share * before + (1 - share) * weight)
    assert prefixed('mix') | prefixed('masked') < losses.keys()


def test_without_a_mix_the_student_learns_from_unmixed_target_images():
    model = adapted(dict(teacher=TEACHER, pseudo=SHARE))
    student, batch = copy.deepcopy(model.segmentor), pair()
    losses = losses_of(model, batch)
    assert losses.keys() == SOURCE_LOSSES | prefixed('target') | {'pseudo_weight'}
    images = model.data_preprocessor(batch, training=True)['inputs']['target']
    with torch.no_grad():
        labels, weights = model.pseudo(model.teacher.probabilities(images))
    (expected, _), _ = weighted_losses(student, images, labels, weights)
    torch.testing.assert_close(losses['target.decode.loss_ce'], expected)


def test_a_student_without_a_teacher_labels_in_eval_mode():
    model, images = confident(adapted(dict(pseudo=SHARE), dropout=0.5)), torch.randn(2, 3, 32, 32)
    model.segmentor.auxiliary_head.eval()
    before = copy.deepcopy(model.segmentor.state_dict())
    actual = model.probabilities(images)
    assert model.segmentor.training and model.segmentor.backbone.training
    assert not actual.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in model.segmentor.state_dict().items())
    logits = copy.deepcopy(model.segmentor).eval()(images)
    expected = F.interpolate(logits, (32, 32), mode='bilinear').softmax(1)
    torch.testing.assert_close(actual, expected)
    with pytest.raises(RuntimeError):
        model.probabilities(torch.randn(2, 7, 32, 32))
    assert model.segmentor.training


def test_predictions_are_those_of_the_segmentor():
    model = adapted(SELF_TRAINING).eval()
    data = source_of(pair())
    ready = model.segmentor.data_preprocessor(copy.deepcopy(data))
    assert torch.equal(model(ready['inputs']), model.segmentor(ready['inputs']))
    calls = {
        'predict': lambda m: m(**copy.deepcopy(ready), mode='predict'),
        'val_step': lambda m: m.val_step(copy.deepcopy(data)),
        'test_step': lambda m: m.test_step(copy.deepcopy(data)),
    }
    for call in calls.values():
        for sample, plain in zip(call(model), call(model.segmentor), strict=True):
            assert torch.equal(sample.seg_logits.data, plain.seg_logits.data)
            assert torch.equal(sample.pred_sem_seg.data, plain.pred_sem_seg.data)


@pytest.mark.parametrize('parts', [dict(teacher=TEACHER), dict(mix=MIX), dict(terms=[MASKED])])
def test_parts_that_need_pseudo_labels_are_refused_without_them(parts):
    with pytest.raises(UserError, match='pseudo'):
        adapted(parts)


def test_two_classes_in_one_channel_are_refused():
    head = segmentor().decode_head | dict(num_classes=2, out_channels=1, threshold=0.5)
    with pytest.raises(UserError, match='2 for two classes'):
        adapted(decode_head=head, auxiliary_head=None)


def test_a_batch_of_a_single_domain_is_refused():
    model, data = adapted(SELF_TRAINING), source_of(pair())
    ready = model.segmentor.data_preprocessor(copy.deepcopy(data), training=True)
    message = "set train_dataloader.dataset=dict.type='DomainPairDataset'"
    with pytest.raises(UserError, match=message):
        model(**ready, mode='loss')
    half = {key: dict(source=value) for key, value in source_of(pair()).items()}
    with pytest.raises(UserError, match=message):
        model(**model.data_preprocessor(half, training=True), mode='loss')
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(UserError, match=message):
        model.train_step(data, optimizer)


@pytest.mark.parametrize('source, target', [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize('mix', [None, MIX])
def test_losses_and_gradients_are_finite_when_all_labels_are_ignored(source, target, mix):
    distance = dict(type='FeatureDistance')
    model = confident(adapted(SELF_TRAINING | dict(mix=mix, terms=[MASKED, distance])))
    batch = pair()
    if source:
        for sample in batch['data_samples']['source']:
            sample.gt_sem_seg.data.fill_(255)
    if target:
        model.pseudo = IgnoreAll()
    losses = losses_of(model, batch)
    assert len(losses) == 3 * len(SOURCE_LOSSES) + 2
    total(losses).backward()
    assert all(value.isfinite().all() for value in losses.values())
    for name, gradient in gradients(model.segmentor).items():
        assert gradient is None or gradient.isfinite().all(), name
    assert (losses['decode.loss_ce'] == 0) == source
    assert (losses['masked.decode.loss_ce'] == 0) == target


def test_with_missing_depth_every_parameter_of_two_encoders_learns(tiny_model):
    mix = dict(type='ClassMix', match_depth=True)
    parts = SELF_TRAINING | dict(mix=mix, terms=[MASKED])
    model = adapted(parts, segmentor=tiny_model())
    losses = losses_of(model, pair(size=64, channels=4))
    total({name: value for name, value in losses.items() if '.' in name[:7]}).backward()
    for name, gradient in gradients(model.segmentor).items():
        assert gradient.isfinite().all() and gradient.abs().sum() > 0, name
    assert all(gradient is None for gradient in gradients(model.teacher).values())


def test_training_steps_change_the_student_and_the_teacher_after_it(at_iteration):
    model, data = adapted(SELF_TRAINING), pair()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    names = dict(model.segmentor.named_parameters())
    for iteration in range(2):
        at_iteration(iteration)
        before = {name: value.detach().clone() for name, value in names.items()}
        model.train_step(copy.deepcopy(data), optimizer)
        teacher = dict(model.teacher.model.named_parameters())
        if iteration == 0:  # the copy was made before the student moved
            first = before
            assert all(torch.equal(teacher[name], value) for name, value in before.items())
        assert any(not torch.equal(names[name], value) for name, value in before.items())
    for name, value in before.items():
        torch.testing.assert_close(teacher[name], (first[name] + value) / 2)
