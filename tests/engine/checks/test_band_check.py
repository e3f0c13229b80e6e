"""Loaders and models agree on the number of optical bands, or a run is refused."""

import pytest
from mmengine.config import Config

from depthda.cli import user_errors
from depthda.engine.checks.value_check import check_bands

DUAL = dict(
    type='DualBackbone', optical_bands=4, rgb=dict(type='ResNetV1c', in_channels=4), depth={}
)


def config(bands, mean, **backbone):
    pipeline = [dict(type='LoadMultibandImage'), dict(type='LoadDepth', optical_bands=bands)]
    loader = dict(dataset=dict(type='PreparedDataset', pipeline=pipeline))
    model = dict(data_preprocessor=dict(mean=[0.0] * mean), backbone=DUAL | backbone)
    return Config(dict(train_dataloader=loader, val_dataloader=None, model=model))


@pytest.mark.parametrize(
    ('cfg', 'sentence'),
    [
        # The fourth band would be taken for depth: no error would ever come.
        (config(4, 3), 'model.data_preprocessor.mean has 3'),
        (config(4, 4, optical_bands=3), 'model.backbone.optical_bands is 3'),
        (config(4, 4, rgb=dict(type='ResNetV1c')), 'model.backbone.rgb.in_channels is 3'),
        (
            config(4, 4, rgb=dict(type='TransformersBackbone', arch=dict(num_channels=3))),
            'model.backbone.rgb.arch.num_channels is 3',
        ),
    ],
)
def test_what_differs_is_named(cfg, sentence, capsys):
    with pytest.raises(SystemExit) as stop, user_errors():
        check_bands(cfg)
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        'error: the train pipeline reads images of 4 optical bands (LoadDepth.optical_bands), and '
        f'{sentence}: make them agree (docs/your-data.md).\n'
    )


def test_pretrained_weights_of_three_bands_are_never_left_out_in_silence(capsys):
    weights = dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c')
    rgb = dict(type='ResNetV1c', in_channels=4, init_cfg=weights)
    with pytest.raises(SystemExit) as stop, user_errors():
        check_bands(config(4, 4, rgb=rgb))
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        'error: model.backbone.rgb.in_channels is 4, and the weights open-mmlab://resnet50_v1c are '
        'for three bands: set init_cfg=None, or take a TransformersBackbone with extra_bands.\n'
    )


def test_what_agrees_passes():
    check_bands(config(4, 4))
    check_bands(config(4, 4, rgb=dict(type='SomeonesBackbone')))
    necked = dict(type='NeckedBackbone', backbone=dict(type='ResNet', in_channels=6))
    check_bands(config(6, 6, optical_bands=6, rgb=necked))
