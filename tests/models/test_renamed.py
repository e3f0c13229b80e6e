"""Configs of the release before still build the same model, with a warning."""

import logging

import pytest
from mmengine.logging import MMLogger
from mmseg.registry import MODELS

from depthda.models.losses.least_squares import LeastSquaresGANLoss
from depthda.models.losses.wasserstein import WassersteinGANLoss

DRDG = dict(
    type='DRDG',
    generator=dict(type='ResiGenerator', channels=(4, 6, 8)),
    critic=dict(type='PatchCritic', channels=(4, 6)),
)
NECK = dict(
    type='MultiScaleContrastiveNeck',
    fusion=dict(type='ConcatFusion', rgb_channels=[6], depth_channels=[4]),
    scale_weights=[1.0],
)


@pytest.fixture
def warnings():
    """Messages of the warnings that are logged."""
    messages, handler = [], logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    'old, kind, weights',
    [
        (dict(adversarial='wasserstein'), WassersteinGANLoss, (5, 1)),
        (dict(adversarial='least-squares'), LeastSquaresGANLoss, (5, 1)),
        (dict(adversarial='least-squares', adv_weight=2, gp_weight=0), LeastSquaresGANLoss, (2, 0)),
        (dict(adv_weight=3.0), WassersteinGANLoss, (3, 1)),
        # A config that is built on one with the new form and sets the old name.
        (
            dict(adversarial=dict(type='LeastSquaresGANLoss', loss_weight=4), adv_weight=2),
            LeastSquaresGANLoss,
            (2, 0),
        ),
    ],
)
def test_drdg_takes_its_old_arguments(old, kind, weights, warnings):
    model = MODELS.build(DRDG | old)
    assert type(model.adversarial) is kind
    assert (model.adversarial.loss_weight, model.adversarial.gp_weight) == weights
    assert model.weights['loss_adv'] == weights[0]
    changed = [name for name, value in old.items() if not isinstance(value, dict)]
    assert len(warnings) == len(changed)
    for name in changed:
        assert any(text.startswith(f'DRDG: {name}') for text in warnings)


def test_the_neck_takes_the_arguments_of_its_loss(warnings):
    neck = MODELS.build(NECK | dict(temperature=0.1, num_negatives=5))
    assert (neck.contrast_loss.temperature, neck.contrast_loss.num_negatives) == (0.1, 5)
    assert sorted(warnings) == [
        f'MultiScaleContrastiveNeck: {old} is now contrast_loss.{old}={value}; the old form works '
        'in this release only.'
        for old, value in (('num_negatives', 5), ('temperature', 0.1))
    ]
    # The defaults of other models are not changed by it.
    assert MODELS.build(NECK).contrast_loss.temperature == 0.07


def test_the_new_form_and_the_defaults_do_not_warn(warnings):
    MODELS.build(DRDG)
    MODELS.build(NECK | dict(contrast_loss=dict(type='InfoNCELoss', temperature=0.2)))
    assert not warnings


def test_an_unknown_argument_is_still_refused():
    with pytest.raises(TypeError, match=r"__init__\(\) got an unexpected .*'adv_wieght'"):
        MODELS.build(DRDG | dict(adv_wieght=1))
