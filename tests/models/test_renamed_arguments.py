"""Configs of the previous release still build the same model, with a warning."""

import logging

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmseg.registry import MODELS

from depthda.engine.overrides import apply_overrides
from depthda.errors import UserError
from depthda.models.losses.gan import LeastSquaresGANLoss, WassersteinGANLoss
from depthda.models.renamed import first_form

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
    """Collect the warnings that are logged."""
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
        # The config inherits the new argument from its base and sets the old one.
        (
            dict(adversarial=dict(type='LeastSquaresGANLoss', loss_weight=4), adv_weight=2),
            LeastSquaresGANLoss,
            (2, 0),
        ),
    ],
)
def test_drdg_accepts_its_former_arguments(old, kind, weights, warnings):
    model = MODELS.build(DRDG | old)
    assert type(model.adversarial) is kind
    assert (model.adversarial.loss_weight, model.adversarial.gp_weight) == weights
    assert model.weights['loss_adv'] == weights[0]
    changed = [name for name, value in old.items() if not isinstance(value, dict)]
    assert len(warnings) == len(changed)
    for name in changed:
        assert any(text.startswith(f'DRDG: {name}') for text in warnings)


def test_the_neck_accepts_the_former_arguments_of_its_loss(warnings):
    neck = MODELS.build(NECK | dict(temperature=0.1, num_negatives=5))
    assert (neck.contrast_loss.temperature, neck.contrast_loss.num_negatives) == (0.1, 5)
    assert sorted(warnings) == [
        f'MultiScaleContrastiveNeck: {old} is now contrast_loss.{old}={value}: the old form will '
        'be removed in the next release.'
        for old, value in (('num_negatives', 5), ('temperature', 0.1))
    ]
    # The defaults of other models do not change.
    assert MODELS.build(NECK).contrast_loss.temperature == 0.07


def test_the_new_form_and_the_defaults_do_not_warn_and_an_unknown_name_is_refused(warnings):
    MODELS.build(DRDG)
    MODELS.build(NECK | dict(contrast_loss=dict(type='InfoNCELoss', temperature=0.2)))
    assert not warnings
    with pytest.raises(TypeError, match=r"__init__\(\) got an unexpected .*'adv_wieght'"):
        MODELS.build(DRDG | dict(adv_wieght=1))


def test_an_override_of_a_former_argument_sets_its_replacement(warnings):
    cfg = Config(dict(model=dict(DRDG, adversarial=dict(type='WassersteinGANLoss', loss_weight=5))))
    apply_overrides(cfg, {'model.adv_weight': 1, '+model.gp_weight': 2})
    assert cfg.model.adversarial == dict(type='WassersteinGANLoss', loss_weight=1, gp_weight=2)
    assert len(warnings) == 2 and warnings[0].startswith('adv_weight is now adversarial.loss_w')
    with pytest.raises(UserError, match="'model.cyc_weihgt' is not in the config"):
        apply_overrides(cfg, {'model.cyc_weihgt': 1})
    # A config of an earlier release contains the former argument, which is then overridden.
    old = Config(dict(model=dict(DRDG, adv_weight=5)))
    apply_overrides(old, {'model.adv_weight': 1})
    assert old.model.adv_weight == 1 and 'adversarial' not in old.model


@pytest.mark.parametrize(
    'new, old',
    [
        (
            dict(type='DRDG', adversarial=dict(type='LeastSquaresGANLoss', loss_weight=1)),
            dict(type='DRDG', adversarial='least-squares', adv_weight=1),
        ),
        (
            dict(NECK, contrast_loss=dict(type='InfoNCELoss', temperature=0.1, num_negatives=5)),
            dict(NECK, temperature=0.1, num_negatives=5),
        ),
        # Earlier releases had no argument ``more``, so this config has no former form.
        (dict(NECK, contrast_loss=dict(type='InfoNCELoss', more=1)),) * 2,
    ],
)
def test_a_finished_run_is_recognised_by_the_first_form_of_its_config(new, old):
    assert first_form(dict(model=dict(parts=[new]))) == dict(model=dict(parts=[old]))
    assert first_form(old) == old
