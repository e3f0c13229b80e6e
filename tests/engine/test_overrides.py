import pytest
from mmengine.config import Config

from depthda.engine.overrides import apply_overrides
from depthda.errors import UserError


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
        },
    )
    assert cfg.train_cfg.max_iters == 7
    assert [step.type for step in cfg.train_dataloader.dataset.pipeline] == ['Load', 'Stack']
    assert cfg.model.decode_head.sampler.type == 'OHEM'
    assert cfg.optim_wrapper.optimizer.lr == 1


@pytest.mark.parametrize(
    'key, nearest',
    [
        ('train_cfg.max_iter', 'train_cfg.max_iters'),
        ('model.decode_heads.num_classes', 'model.decode_head'),
        ('batch_size', 'train_dataloader.batch_size'),
        ('optimizer.lr', 'optim_wrapper.optimizer.lr'),
    ],
)
def test_the_error_about_an_unknown_key_names_the_nearest_key(key, nearest):
    with pytest.raises(UserError, match=f"did you mean '{nearest}'") as error:
        apply_overrides(config(), {key: 1})
    assert f'+{key}=' in str(error.value)


def test_an_index_beyond_a_list_is_refused():
    with pytest.raises(UserError, match='elements 0 to 1'):
        apply_overrides(config(), {'train_dataloader.dataset.pipeline.2.type': 'X'})


def test_an_empty_list_has_no_elements():
    with pytest.raises(UserError, match="'custom_hooks' has no elements"):
        apply_overrides(Config(dict(custom_hooks=[])), {'custom_hooks.0.type': 'X'})


def test_a_leading_plus_adds_a_key():
    cfg = config()
    apply_overrides(cfg, {'+model.neck.type': 'Fusion', '+load_from': 'a.pth'})
    assert cfg.model.neck.type == 'Fusion' and cfg.load_from == 'a.pth'
    with pytest.raises(UserError, match="nothing reads 'learning_rate'"):
        apply_overrides(cfg, {'+learning_rate': 1})


def test_the_error_about_a_name_that_was_copied_lists_the_keys_to_override():
    with pytest.raises(UserError, match='override model.data_preprocessor.size'):
        apply_overrides(config(), {'crop_size': (256, 256)})
    with pytest.raises(UserError, match='override train_dataloader.dataset.pipeline'):
        apply_overrides(config(), {'train_pipeline.0.type': 'X'})


def test_text_does_not_replace_a_number_or_a_list():
    with pytest.raises(UserError, match=r'has type int .*\(now 100\), .* set to the text .100k'):
        apply_overrides(config(), {'train_cfg.max_iters': '100k'})
    with pytest.raises(UserError, match="cannot be set to the text 'fast'"):
        apply_overrides(config(), {'train_dataloader.dataset.pipeline': 'fast'})


def test_a_list_becomes_a_tuple_and_a_float_an_integer_where_the_config_has_one():
    cfg = config()
    apply_overrides(cfg, {'model.data_preprocessor.size': [256, 128], 'train_cfg.max_iters': 1e3})
    assert cfg.model.data_preprocessor['size'] == (256, 128)
    assert type(cfg.train_cfg.max_iters) is int and cfg.train_cfg.max_iters == 1000
    apply_overrides(cfg, {'optim_wrapper.optimizer.lr': 2.0, 'model.data_preprocessor.size.1': 64})
    assert type(cfg.optim_wrapper.optimizer.lr) is float
    assert cfg.model.data_preprocessor['size'] == (256, 64)


def test_tta_pipeline_can_be_overridden():
    cfg = Config(dict(tta_pipeline=[dict(type='Load')]))
    apply_overrides(cfg, {'tta_pipeline.0.type': 'Stack'})
    assert cfg.tta_pipeline[0].type == 'Stack'
