"""Values that each part of a config accepts, and that make a run useless."""

import pytest
from mmengine.config import Config
from refusals import refusal
from torch import nn

from depthda.engine.checks.config_check import check_optimizers
from depthda.engine.checks.data_check import check_classes
from depthda.engine.checks.value_check import (
    check_bands,
    check_crops,
    check_evaluation,
    check_loss_names,
    check_model,
    check_pretrained,
    check_scores,
    check_top_level,
    loss_warnings,
)

CE = dict(type='CrossEntropyLoss')
FLIP = dict(type='RandomFlip', prob=0.5)
SGD = dict(type='SGD', lr=1)
NAMES = ('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural')
DATA = dict(type='LoveDARGBD', data_root='nowhere', domain='Rural', split='Test', depth=None)


def head(**kwargs) -> dict:
    return dict(model=dict(decode_head=dict(num_classes=3, **kwargs)))


def steps(*steps, **loader) -> dict:
    return dict(test_dataloader=dict(dataset=DATA | dict(pipeline=list(steps)), **loader))


def hooks(**checkpoint) -> dict:
    data = dict(train_dataloader=dict(dataset=DATA))
    return data | dict(default_hooks=dict(checkpoint=checkpoint))


def stop(**kwargs) -> dict:
    return hooks() | dict(custom_hooks=[dict(type='EarlyStoppingHook', **kwargs)])


CASES = [
    (
        check_crops,
        dict(train_dataloader=dict(dataset=dict(pipeline=[dict(type='C', cat_max_ratio=75)]))),
        'train_dataloader.dataset.pipeline.0.cat_max_ratio=75 is above 1, but it is a '
        'fraction, not a percentage: set it to 0.75 for 75 %.',
    ),
    (
        check_top_level,
        dict(optim_wraper=dict(clip_grad=None)),
        "nothing reads 'optim_wraper' in the config: rename it if you meant 'optim_wrapper'.",
    ),
    (
        check_top_level,
        dict(resume='iter_2.pth'),
        "resume='iter_2.pth' is not True or False: to resume from a file, set resume=True and "
        'load_from to the file.',
    ),
    (
        check_evaluation,
        steps(batch_size=3, drop_last=True),
        'test_dataloader.drop_last=True may leave out the last images, so the scores would not '
        'be those of the complete dataset: remove it.',
    ),
    *(
        (
            check_evaluation,
            steps(dict(type='LoadImageFromFile'), step),
            f'test_dataloader.dataset.pipeline.1: {step["type"]} changes images at random, so '
            'the scores would differ each time: use random transforms only in the training '
            'pipeline.',
        )
        for step in (
            FLIP,
            dict(type='RandomCrop', crop_size=8),
            dict(type='PhotoMetricDistortion'),
        )
    ),
    (
        check_evaluation,
        head(ignore_index=1) | dict(test_dataloader=dict(dataset=DATA)),
        'model.decode_head.ignore_index=1 ignores the class building: set it to an index that '
        'is not a class, such as 255.',
    ),
    (
        check_evaluation,
        dict(test_evaluator=[dict(ignore_index=0)], test_dataloader=dict(dataset=DATA)),
        'test_evaluator.0.ignore_index=0 ignores the class background: set it to an index that '
        'is not a class, such as 255.',
    ),
    (
        check_model,
        head(loss_decode=[CE, CE | dict(class_weight=[1.0] * 4)]),
        'model.decode_head.loss_decode: class_weight has 4 values for 3 classes: set one value '
        'for each class.',
    ),
    (
        check_model,
        head(loss_decode=CE | dict(class_weight=[1.0] * 3, avg_non_ignore=True)),
        'model.decode_head.loss_decode: CrossEntropyLoss fails with both class_weight and '
        'avg_non_ignore=True: set avg_non_ignore=False, because class_weight already leaves '
        'out ignored pixels.',
    ),
    (
        check_model,
        dict(model=dict(backbone=dict(rgb=dict(type='ResNetV1c', frozen_stages=5)))),
        'model.backbone.rgb.frozen_stages=5 is more than its 4 stages: set it to -1 (none) to 4.',
    ),
    (
        check_scores,
        hooks(save_best='IoU.bulding'),
        "default_hooks.checkpoint.save_best='IoU.bulding' does not name a class of the dataset; "
        "did you mean 'IoU.building'?",
    ),
    (
        check_scores,
        hooks(save_best=['OA', 'X.zzz']),
        "default_hooks.checkpoint.save_best='X.zzz' does not name a class of the dataset: use "
        f'one of {", ".join(NAMES)}.',
    ),
    (
        check_scores,
        hooks(save_best='Rural/mIoU', rule='less'),
        "default_hooks.checkpoint.rule='less' keeps the lowest Rural/mIoU as the best: set "
        "rule='greater'.",
    ),
    (
        check_scores,
        stop(monitor='mIoU', rule='less'),
        "custom_hooks.0.rule='less' keeps the lowest mIoU as the best: set rule='greater'.",
    ),
    *(
        (
            check_optimizers,
            dict(optim_wrapper=dict(optimizer=SGD, clip_grad=dict(max_norm=norm))),
            f'optim_wrapper.clip_grad.max_norm={norm} is not above 0, so no step would follow '
            'its gradient: set it to a number above 0, or leave out clip_grad.',
        )
        for norm in (0, -1)
    ),
    (
        check_classes,
        dict(
            train_dataloader=dict(dataset=DATA),
            val_dataloader=dict(dataset=DATA | dict(metainfo=dict(classes=NAMES[::-1]))),
        ),
        'the val dataset has the classes of the training dataset in another order '
        f'({", ".join(NAMES[::-1])}), so predictions would count as the wrong class: use the '
        f'order {", ".join(NAMES)}.',
    ),
]


@pytest.mark.parametrize('check, cfg, sentence', CASES, ids=range(len(CASES)))
def test_a_useless_value_is_refused(check, cfg, sentence):
    assert refusal(check, Config(cfg)) == sentence


@pytest.mark.parametrize(
    'check, cfg',
    [
        # A name whose value is used in the file, and a name for configs that build on this one.
        (check_top_level, dict(optim_wrappers=dict(a=1), optim_wrapper=dict(a=1))),
        (check_top_level, dict(test_pipeline=[1], crop_size=(8, 8), lr=1, resume=True)),
        (check_evaluation, steps(dict(type='RandomFlip', prob=1.0), dict(type='Resize'))),
        (check_evaluation, steps(dict(type='TestTimeAug', transforms=[[FLIP]]))),
        (check_evaluation, head(ignore_index=255) | dict(test_dataloader=dict(dataset=DATA))),
        (check_model, head(loss_decode=CE | dict(class_weight=[1.0] * 3))),
        (check_model, head(loss_decode=CE | dict(avg_non_ignore=True))),
        (check_model, dict(model=dict(backbone=dict(type='ResNet', frozen_stages=4)))),
        (check_scores, hooks(save_best=['mIoU', 'Rural/IoU.building'], rule='greater')),
        (check_scores, hooks(save_best='loss', rule='less')),
    ],
)
def test_useful_values_are_accepted(check, cfg):
    check(Config(cfg))


def test_losses_without_weight_are_reported():
    cfg = Config(head(loss_decode=CE | dict(loss_weight=0.0)))
    assert list(loss_warnings(cfg)) == [
        'the model learns nothing, because every loss has weight 0: set '
        'model.decode_head.loss_decode.loss_weight above 0'
    ]
    cfg.model.auxiliary_head = dict(loss_decode=CE)
    assert list(loss_warnings(cfg)) == []


def test_a_loss_that_mmseg_would_not_train_with_is_refused():
    class Dice(nn.Module):
        loss_name = 'dice'

    head = nn.ModuleDict(dict(loss_decode=Dice()))
    assert refusal(check_loss_names, nn.ModuleDict(dict(decode_head=head))) == (
        "model.decode_head.loss_decode.loss_name='dice' does not contain 'loss', and mmseg "
        "trains only with losses whose name does: rename it to 'loss_dice'."
    )
    Dice.loss_name = 'loss_dice'
    check_loss_names(nn.ModuleDict(dict(loss=Dice())))


def test_unknown_parts_of_a_model_are_refused(tmp_path):
    head = dict(type='UPerHead', norm_cfg=dict(type='BNN'), act_cfg=dict(type='ReLU'))
    assert refusal(check_model, Config(dict(model=dict(decode_head=head)))) == (
        "model.decode_head.norm_cfg.type: there is no model 'BNN'; did you mean 'BN'?"
    )
    head['norm_cfg'] = dict(type='SyncBN', requires_grad=True)
    check_model(Config(dict(model=dict(decode_head=head))))

    weights = dict(type='Pretrained', checkpoint=str(tmp_path / 'x.pth'))
    cfg = Config(dict(model=dict(backbone=dict(init_cfg=weights))))
    assert refusal(check_pretrained, cfg) == (
        f'model.backbone.init_cfg.checkpoint={str(tmp_path / "x.pth")!r} is not a file: correct '
        'the path, or remove model.backbone.init_cfg to start without pretrained weights.'
    )
    (tmp_path / 'x.pth').touch()
    check_pretrained(cfg)


def test_names_of_pretrained_weights_are_known():
    cfg = Config(dict(model=dict(init_cfg=dict(type='Pretrained'))))
    for name, sentence in (
        ('open-mmlab://resnet50_v1cc', "open-mmlab:// has no model 'resnet50_v1cc'; did you mean "),
        ('openmmlab://resnet50_v1cc', "open-mmlab:// has no model 'resnet50_v1cc'; did you mean "),
        ('mmcls://?', "mmcls:// has no model '?': correct the name, or use a file."),
    ):
        cfg.model.init_cfg.checkpoint = name
        message = refusal(check_pretrained, cfg)
        assert message.startswith(f'model.init_cfg.checkpoint: {sentence}')
    for name in ('open-mmlab://resnet50_v1c', 'https://x.org/a.pth'):
        cfg.model.init_cfg.checkpoint = name
        check_pretrained(cfg)


RGB = dict(type='ResNetV1c', in_channels=4)
DUAL = dict(type='DualBackbone', optical_bands=4, rgb=RGB, depth={})


def config(bands, mean, **backbone):
    pipeline = [dict(type='LoadMultibandImage'), dict(type='LoadDepth', optical_bands=bands)]
    loader = dict(dataset=dict(type='PreparedDataset', pipeline=pipeline))
    model = dict(data_preprocessor=dict(mean=[0.0] * mean), backbone=DUAL | backbone)
    return Config(dict(train_dataloader=loader, val_dataloader=None, model=model))


@pytest.mark.parametrize(
    ('cfg', 'sentence'),
    [
        # The fourth band would be read as depth, without an error.
        (config(4, 3), 'model.data_preprocessor.mean has 3'),
        (config(4, 4, optical_bands=3), 'model.backbone.optical_bands is 3'),
        (config(4, 4, rgb=dict(type='ResNetV1c')), 'model.backbone.rgb.in_channels is 3'),
        (
            config(4, 4, rgb=dict(type='TransformersBackbone', arch=dict(num_channels=3))),
            'model.backbone.rgb.arch.num_channels is 3',
        ),
    ],
)
def test_a_number_of_bands_that_differs_is_named(cfg, sentence):
    assert refusal(check_bands, cfg) == (
        'the train pipeline reads images of 4 optical bands (LoadDepth.optical_bands), but '
        f'{sentence}: make them agree (docs/your-data.md).'
    )


def test_pretrained_weights_of_three_bands_are_never_left_out_silently():
    weights = dict(type='Pretrained', checkpoint='open-mmlab://resnet50_v1c')
    assert refusal(check_bands, config(4, 4, rgb=RGB | dict(init_cfg=weights))) == (
        'model.backbone.rgb.in_channels is 4, but the weights open-mmlab://resnet50_v1c are '
        'for three bands: set init_cfg=None, or use a TransformersBackbone with extra_bands.'
    )


def test_bands_that_agree_pass():
    check_bands(config(4, 4))
    check_bands(config(4, 4, rgb=dict(type='SomeonesBackbone')))
    necked = dict(type='NeckedBackbone', backbone=dict(type='ResNet', in_channels=6))
    check_bands(config(6, 6, optical_bands=6, rgb=necked))
    starts = [dict(type='Kaiming', layer='Conv2d'), dict(type='Constant', layer='BN')]
    check_bands(config(4, 4, rgb=RGB | dict(init_cfg=starts)))
