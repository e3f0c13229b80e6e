"""Translated source images count with a rising weight, next to pseudo-labels and rotations."""

import copy

import numpy as np
import pytest
import torch
from labelled_samples import labelled
from tiny_adaptation import CLASSES, SIZE, adapted, gradients, losses_of, pair, total
from torch.nn import functional as F

from depthda.errors import UserError
from depthda.models.adaptation.draws import SampleDraws
from depthda.models.adaptation.ramp import ramped

TRANSLATED = dict(type='TranslatedSource', weight=0.5, ramp=4)
ROTATED = dict(type='RotationConsistency', weight=0.7, ramp=16)


def triple():
    """Return a batch with translated images, which have labels of their own."""
    batch, other = pair(), pair()
    labels = torch.randint(CLASSES, (2, SIZE, SIZE))
    labels[:, -5:] = 255
    batch['inputs']['translated'] = other['inputs']['source']
    batch['data_samples']['translated'] = labelled(labels)
    for seed, sample in enumerate(batch['data_samples']['target']):
        sample.set_metainfo(dict(sample_seed=seed))  # decides the rotation
    return batch


def cross_entropies(model, images, labels):
    """Return the losses of both heads: log p of each labelled pixel, and 0.4 times that."""
    features, mean = model.backbone(images), []
    for head in (model.decode_head, model.auxiliary_head):
        logs = F.interpolate(head(features), labels.shape[1:], mode='bilinear').log_softmax(1)
        n, y, x = torch.nonzero(labels != 255, as_tuple=True)
        mean.append(-logs[n, labels[n, y, x], y, x].mean())
    return mean[0] + 0.4 * mean[1]


def labels_of(samples):
    return torch.cat([sample.gt_sem_seg.data for sample in samples])


def test_a_weight_rises_linearly_from_0_to_1():
    weights = [ramped(iteration, length=4, begin=2) for iteration in range(9)]
    assert weights == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert [ramped(iteration, length=0, begin=5) for iteration in (0, 9)] == [1, 1]


def test_the_losses_of_a_step_are_those_of_the_objective(at_iteration):
    pseudo = dict(type='Threshold', ramp=8)
    model, batch = adapted(dict(pseudo=pseudo, terms=[TRANSLATED, ROTATED])), triple()
    torch.nn.init.normal_(model.segmentor.decode_head.conv_seg.weight)
    student = copy.deepcopy(model.segmentor)
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    inputs, samples = data['inputs'], data['data_samples']
    source = cross_entropies(student, inputs['source'], labels_of(samples['source']))
    with torch.no_grad():  # after the source pass, which changes the statistics of batch norm
        probabilities = student.eval()(inputs['target'])
        probabilities = F.interpolate(probabilities, (SIZE, SIZE), mode='bilinear').softmax(1)
    student.train()
    highest, found = probabilities.max(1)
    model.pseudo.threshold = float(highest.quantile(0.4))
    found[highest <= model.pseudo.threshold] = 255
    assert (found == 255).float().mean() == pytest.approx(0.4, abs=0.01)
    target = cross_entropies(student, inputs['target'], found)
    translated = cross_entropies(student, inputs['translated'], labels_of(samples['translated']))
    turns = 1 + (3 * SampleDraws(samples['target']).named('rotation')(1)).long().flatten()

    def predict(images):
        return student.decode_head(student.backbone(images)).softmax(1)

    def turned(maps):
        pairs = zip(maps, turns.tolist(), strict=True)
        return torch.stack([torch.rot90(image, turn, (1, 2)) for image, turn in pairs])

    difference = predict(turned(inputs['target'])) - turned(predict(inputs['target']))
    rotation = difference.square().sum(1).mean()
    # L = CE(x_s) + a CE(G(x_s)) + b CE(x_t) + c |f(R x_t) - R f(x_t)|², at iteration 3.
    a, b, c = 0.5 * 3 / 4, 3 / 8, 0.7 * 3 / 16
    expected = source + a * translated + b * target + c * rotation
    at_iteration(3)
    losses = model(**data, mode='loss')
    total(losses).backward()
    torch.testing.assert_close(total(losses), expected)
    parts = dict(translated=a * translated, target=b * target)
    for prefix, value in parts.items():
        own = {name: loss for name, loss in losses.items() if name.startswith(f'{prefix}.')}
        torch.testing.assert_close(total(own), value)
    expected.backward()
    actual = gradients(model)
    for name, gradient in gradients(student).items():
        torch.testing.assert_close(
            actual[f'segmentor.{name}'], gradient, rtol=1e-3, atol=1e-5, msg=name
        )


def test_translated_images_change_nothing_before_the_ramp_and_in_the_warm_up(at_iteration):
    model, batch = adapted(dict(warm_up=2, terms=[TRANSLATED])), triple()
    values = []
    for iteration in range(7):
        at_iteration(iteration)
        losses = losses_of(copy.deepcopy(model), batch)
        own = {name: loss for name, loss in losses.items() if name.startswith('translated.')}
        assert bool(own) == (iteration >= 2)
        values.append(float(sum(loss.detach() for name, loss in own.items() if 'loss' in name)))
    assert values[:3] == [0, 0, 0]
    np.testing.assert_allclose(values[3:], values[6] * np.array([0.25, 0.5, 0.75, 1]), rtol=1e-5)


def test_a_batch_without_translated_images_is_refused():
    with pytest.raises(UserError, match=r'set translated=\.\.\. of DomainPairDataset'):
        losses_of(adapted(dict(terms=[TRANSLATED])), pair())
