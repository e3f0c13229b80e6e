import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS, OPTIMIZERS, TRANSFORMS

from depthda.engine.checks.build_mistakes import build_mistakes
from depthda.errors import UserError

HEAD = dict(type='FCNHead', in_channels=4, channels=2, num_classes=3)


def mistake(registry, **config: dict) -> str:
    """Return the message of building the last part of a config."""
    cfg = Config(config)
    part = cfg
    for name in list(config)[-1:]:
        part = part[name]
    with pytest.raises(UserError) as caught, build_mistakes(cfg):
        registry.build(part)
    return str(caught.value)


@pytest.mark.parametrize(
    'change, sentence',
    [
        (dict(type='FCNHaed'), "model.type: there is no model 'FCNHaed'; did you mean 'FCNHead'?"),
        (dict(type='fcnhead'), "model.type: there is no model 'fcnhead'; did you mean 'FCNHead'?"),
        (
            dict(type='Nothing77'),
            "model.type: there is no model 'Nothing77'; import a custom class with custom_imports.",
        ),
        (
            dict(loss_decode=dict(type='CrossEntropy')),
            "model.loss_decode.type: there is no model 'CrossEntropy'; did you mean "
            "'CrossEntropyLoss'?",
        ),
        (
            dict(loss_decode=dict(loss_weight=1.0)),
            'model.loss_decode has no type: set it to the class to build, or remove '
            'model.loss_decode if the base config has no such part.',
        ),
        (
            dict(type='RGBDDataPreprocessor', mean=[0.0], std=[1.0], pad_vall=3),
            "model: RGBDDataPreprocessor has no argument 'pad_vall'; did you mean 'pad_val'?",
        ),
        (
            dict(type='FCNHead', in_channels=4, channels=2),
            "model: FCNHead needs 'num_classes', which the config does not set: add it.",
        ),
        # Of the base class, BaseDecodeHead.
        (
            dict(num_class=3),
            "model: FCNHead has no argument 'num_class'; did you mean 'num_classes'?",
        ),
        (
            dict(pool=3),
            "model: FCNHead has no argument 'pool': remove it or, if it comes from the base "
            "config, replace the complete dict with dict(_delete_=True, type='FCNHead', …).",
        ),
    ],
)
def test_a_model(change, sentence):
    model = change if len(change) > 2 else HEAD | change
    assert mistake(MODELS, model=model) == sentence


def test_a_value_that_a_class_refuses():
    sentence = mistake(MODELS, model=HEAD | dict(dropout_ratio=3.0))
    assert sentence.startswith(
        'model: FCNHead cannot be built from these values: ValueError: dropout probability has to '
        'be between 0 and 1, but got 3.0 (torch/nn/modules/dropout.py, line '
    )
    # An assertion without a text is described by its condition.
    sentence = mistake(TRANSFORMS, tta_pipeline=dict(type='RandomFlip', prob=2.0))
    assert sentence.startswith(
        'tta_pipeline: RandomFlip cannot be built from these values: the condition 0 <= '
        'prob <= 1 is not met ('
    )


def test_the_innermost_part_that_the_config_has():
    data = dict(type='RGBDSegDataset', data_prefix=dict(img_path='x'), lazy_init=True)
    data['pipeline'] = [dict(type='LoadImageFromFile'), dict(type='BalancedCrop', crop_size=None)]
    data['pipeline'].append(dict(type='PackSegInputs'))
    sentence = mistake(DATASETS, train_dataloader=dict(dataset=data)['dataset'])
    assert sentence.startswith('train_dataloader.pipeline.1: BalancedCrop cannot be built')


def test_of_two_parts_of_one_type_the_one_with_the_mistake_is_named():
    cfg = Config(dict(model=dict(decode_head=HEAD, auxiliary_head=HEAD | dict(num_class=3))))
    with pytest.raises(UserError, match='^model.auxiliary_head: FCNHead'), build_mistakes(cfg):
        MODELS.build(cfg.model.auxiliary_head)


def test_a_part_of_another_type_than_its_base_has():
    cfg = Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, betas=(0.9, 0.999)))))
    optimizer = cfg.optim_wrapper.optimizer | dict(params=[torch.zeros(1)])
    with pytest.raises(UserError) as caught, build_mistakes(cfg):
        OPTIMIZERS.build(optimizer)
    assert str(caught.value) == (
        "optim_wrapper.optimizer: SGD has no argument 'betas': remove it or, if it comes from "
        "the base config, replace the complete dict with dict(_delete_=True, type='SGD', …)."
    )


def test_an_error_of_no_part_of_the_config_keeps_its_traceback():
    with pytest.raises(TypeError, match='object of type'), build_mistakes(Config(dict(model=HEAD))):
        len(3)
    with pytest.raises(KeyError), build_mistakes(Config(dict(model=HEAD))):
        MODELS.build(dict(type='NotOfTheConfig'))
