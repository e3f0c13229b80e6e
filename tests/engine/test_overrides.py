import re

import pytest
from mmengine.config import Config
from refusals import refusal

from depthda.engine.overrides import apply_overrides


def config() -> Config:
    pipeline = [dict(type='Load'), dict(type='Pack')]
    return Config(
        dict(
            crop_size=(512, 512),
            train_pipeline=pipeline,
            model=dict(
                type='Segmentor',
                data_preprocessor=dict(size=(512, 512)),
                decode_head=dict(num_classes=7, sampler=None),
            ),
            train_dataloader=dict(batch_size=4, dataset=dict(pipeline=pipeline)),
            train_cfg=dict(max_iters=100),
            custom_hooks=[],
            tta_pipeline=[dict(type='Load')],
            optim_wrapper=dict(optimizer=dict(lr=1e-4)),
        )
    )


def test_existing_keys_are_set_even_inside_lists():
    cfg = config()
    apply_overrides(
        cfg,
        {
            'train_cfg.max_iters': 7,
            'train_dataloader.dataset.pipeline.1.type': 'Stack',
            'model.decode_head.sampler': dict(type='OHEM'),
            'optim_wrapper.optimizer.lr': 1,
            'tta_pipeline.0.type': 'Stack',
        },
    )
    assert cfg.train_cfg.max_iters == 7
    assert [step.type for step in cfg.train_dataloader.dataset.pipeline] == ['Load', 'Stack']
    assert cfg.model.decode_head.sampler.type == 'OHEM'
    assert cfg.optim_wrapper.optimizer.lr == 1 and cfg.tta_pipeline[0].type == 'Stack'


@pytest.mark.parametrize(
    'key, value, message',
    [
        ('train_cfg.max_iter', 1, "did you mean 'train_cfg.max_iters'"),
        ('model.decode_heads.num_classes', 1, "did you mean 'model.decode_head'"),
        ('batch_size', 1, "did you mean 'train_dataloader.batch_size'"),
        ('optimizer.lr', 1, "did you mean 'optim_wrapper.optimizer.lr'"),
        ('+learning_rate', 1, "nothing reads 'learning_rate'"),
        ('train_dataloader.dataset.pipeline.2.type', 'X', 'elements 0 to 1'),
        ('custom_hooks.0.type', 'X', "'custom_hooks' has no elements"),
        # Names whose values were copied: the keys to override are listed.
        ('crop_size', (256, 256), 'override model.data_preprocessor.size'),
        ('train_pipeline.0.type', 'X', 'override train_dataloader.dataset.pipeline'),
        # Text in place of a number or a list.
        ('train_cfg.max_iters', '100k', r'type int .*\(its value is 100\), .* to the text .100k'),
        ('train_dataloader.dataset.pipeline', 'fast', "cannot be set to the text 'fast'"),
    ],
)
def test_what_cannot_be_overridden_is_refused_with_what_to_do(key, value, message):
    sentence = refusal(apply_overrides, config(), {key: value})
    assert re.search(message, sentence)
    assert 'did you mean' not in sentence or f'+{key}=' in sentence


def test_a_leading_plus_adds_a_key():
    cfg = config()
    apply_overrides(cfg, {'+model.neck.type': 'Fusion', '+load_from': 'a.pth'})
    assert cfg.model.neck.type == 'Fusion' and cfg.load_from == 'a.pth'


def test_a_list_becomes_a_tuple_and_a_float_an_integer_where_the_config_has_one():
    cfg = config()
    apply_overrides(cfg, {'model.data_preprocessor.size': [256, 128], 'train_cfg.max_iters': 1e3})
    assert cfg.model.data_preprocessor['size'] == (256, 128)
    assert type(cfg.train_cfg.max_iters) is int and cfg.train_cfg.max_iters == 1000
    apply_overrides(cfg, {'optim_wrapper.optimizer.lr': 2.0, 'model.data_preprocessor.size.1': 64})
    assert type(cfg.optim_wrapper.optimizer.lr) is float
    assert cfg.model.data_preprocessor['size'] == (256, 64)
