"""The distance of source features equals a loop over positions, and its reference is fixed."""

from types import SimpleNamespace

import pytest
import torch
from tiny_adaptation import adapted, losses_of, pair, segmentor
from torch import nn

from depthda.models.adaptation.feature_distance import FeatureDistance
from depthda.models.features import PairedFeatures

CLASSES, CELL = 4, 4  # the coarsest map has a position for each 4 × 4 pixels


class Encoder(nn.Module):
    """Two convolutions with stride 2, whose outputs are the feature maps."""

    def __init__(self, channels=3):
        super().__init__()
        self.fine = nn.Conv2d(channels, 4, 2, stride=2)
        self.coarse = nn.Conv2d(4, 5, 2, stride=2)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        fine = self.fine(images)
        return fine, self.dropout(self.coarse(fine))


def make_step(encoder, iteration=0, depth=False):
    """Return the values that the term reads; a quarter of the pixels has no label."""
    images = torch.randn(2, 3 + depth, 16, 12)
    images[:, 3:, :2] = torch.nan
    cells = torch.randint(CLASSES, (2, 4, 3))
    labels = cells.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)
    labels[:, ::2, ::2] = 255  # a quarter of each position; its class keeps exactly 0.75
    labels[0, 5, 5] = (labels[0, 5, 5] + 1) % CLASSES  # here it has less
    features = encoder(images[:, :3])
    backbone = encoder
    if depth:
        backbone = SimpleNamespace(rgb=encoder)
        features = PairedFeatures(features, (torch.zeros(1), torch.full((2, 9, 4, 3), torch.nan)))
    return SimpleNamespace(
        iteration=iteration,
        segmentor=SimpleNamespace(backbone=backbone),
        source=SimpleNamespace(encoded=features),
        source_images=images,
        source_labels=labels,
        num_classes=CLASSES,
        bands=3,
    )


def term_for(step, **settings):
    term = FeatureDistance(**settings)
    term.follow(step.segmentor)
    return term


def loop(step, initial, classes, majority):
    """Return the mean distance of the positions that show enough of one class."""
    features = step.source.encoded
    features = features.rgb if isinstance(features, PairedFeatures) else features
    distances = []
    for image in range(2):
        reference = initial(step.source_images[image : image + 1, :3])[-1][0]
        for row in range(4):
            for column in range(3):
                cell = step.source_labels[
                    image, row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL
                ].flatten()
                if max(cell.tolist().count(c) for c in classes) >= majority * CELL**2:
                    difference = features[-1][image, :, row, column] - reference[:, row, column]
                    distances.append((difference**2).sum().sqrt())
    return sum(distances) / len(distances), len(distances)


@pytest.mark.parametrize('depth', [False, True])
@pytest.mark.parametrize(
    'classes, majority, positions',
    [(None, 0.75, 23), (None, 0.25, 24), ((1, 3), 0.75, None), ((0,), 0.5, None)],
)
def test_the_loss_equals_a_loop_over_positions(classes, majority, positions, depth):
    encoder = Encoder().eval()
    step = make_step(encoder, iteration=5, depth=depth)
    term = term_for(step, weight=0.3, classes=classes, majority=majority)
    term.initial.load_state_dict(Encoder().state_dict())  # differs from the encoder
    chosen = range(CLASSES) if classes is None else classes
    expected, count = loop(step, term.initial, chosen, majority)
    assert 0 < count == (positions or count) and (classes is None or count < 15)
    losses = term(step)
    assert losses.keys() == {'loss_features'}
    torch.testing.assert_close(losses['loss_features'], 0.3 * expected)


@pytest.mark.parametrize('classes', [None, (2,)])
def test_without_a_position_the_loss_is_0_with_a_finite_gradient(classes):
    encoder = Encoder()
    step = make_step(encoder)
    step.source_labels.fill_(255 if classes is None else 1)
    loss = term_for(step, classes=classes)(step)['loss_features']
    loss.backward()
    assert loss == 0
    assert all(parameter.grad.abs().sum() == 0 for parameter in encoder.parameters())


def test_features_that_have_not_moved_give_0_with_a_finite_gradient():
    encoder = Encoder().eval()
    step = make_step(encoder)
    loss = term_for(step)(step)['loss_features']
    loss.backward()
    assert loss == 0
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


def test_the_reference_stays_while_the_encoder_moves():
    encoder = Encoder()
    term = term_for(make_step(encoder))
    first = encoder.coarse.weight.detach().clone()
    nn.init.normal_(encoder.coarse.weight)
    optimizer = torch.optim.SGD([*encoder.parameters(), *term.parameters()], lr=1.0)
    for iteration in (1, 2):
        before = encoder.coarse.weight.detach().clone()
        loss = term(make_step(encoder, iteration))['loss_features']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert not torch.equal(encoder.coarse.weight, before)
    assert torch.equal(term.initial.coarse.weight, first)
    assert loss > 0 and all(parameter.grad is None for parameter in term.parameters())


def test_the_reference_stays_in_eval_mode():
    term = term_for(make_step(Encoder()))
    assert nn.ModuleList([term]).train() and term.training
    assert not any(module.training for module in term.initial.modules())


def test_with_two_encoders_only_the_optical_one_is_copied(tiny_model):
    terms = [dict(type='FeatureDistance')]
    model = adapted(dict(terms=terms), segmentor=tiny_model())
    initial, rgb = (m.state_dict() for m in (model.terms[0].initial, model.segmentor.backbone.rgb))
    assert initial.keys() == rgb.keys()
    losses = losses_of(model, pair(size=64, channels=4))
    assert losses['loss_features'].isfinite()
    losses['loss_features'].backward()
    parts = model.segmentor.backbone
    assert all(parameter.grad is None for parameter in parts.depth.parameters())


def test_an_encoder_of_optical_bands_and_depth_together_is_compared_on_both():
    config = segmentor()
    config.data_preprocessor.depth = 'input'
    config.backbone = dict(type='EarlyFusionBackbone', backbone=config.backbone)
    parts = dict(terms=[dict(type='FeatureDistance', majority=0.0)])
    model = adapted(parts, segmentor=config)
    nn.init.normal_(model.segmentor.backbone.depth_stem.weight)
    model.segmentor.eval()
    # The encoder has not moved, so it must agree with its copy.
    assert losses_of(model, pair(channels=4))['loss_features'] == 0


@pytest.mark.parametrize('warm_up', [0, 2])
def test_the_reference_is_the_encoder_of_the_first_iteration_also_after_a_warm_up(
    warm_up, at_iteration
):
    parts = dict(terms=[dict(type='FeatureDistance', majority=0.0)], warm_up=warm_up)
    model, batch = adapted(parts), pair()
    encoder = model.segmentor.backbone
    nn.init.normal_(encoder.layer4[0].conv1.weight)  # a checkpoint is loaded
    first = encoder.layer4[0].conv1.weight.detach().clone()
    for iteration in range(3):
        at_iteration(iteration)
        losses = losses_of(model, batch)
        nn.init.normal_(encoder.layer4[0].conv1.weight)
    assert 'loss_features' in losses
    assert torch.equal(model.terms[0].initial.layer4[0].conv1.weight, first)
