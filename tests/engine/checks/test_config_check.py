from pathlib import Path

import pytest
from mmengine.config import Config
from refusals import refusal

from depthda.engine.checks.config_check import (
    check_backends,
    check_hooks,
    check_names,
    check_numbers,
    check_optimizers,
    check_sizes,
    check_training,
)
from depthda.errors import UserError

BASE = """
crop_size = (512, 512)
depth = 'rdepth/a'
short = [dict(type='Load')]
train_pipeline = [dict(type='Load', folder=depth), dict(type='Crop', size=crop_size)]
test_pipeline = [dict(type='Load', folder=depth)]
model = dict(size=crop_size)
train_dataloader = dict(batch_size=2, dataset=dict(depth=depth, pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(depth=depth, pipeline=test_pipeline))
"""


@pytest.fixture
def child(tmp_path):
    """Write a config on top of the base (or of another child); give its path."""
    (tmp_path / 'base.py').write_text(BASE)

    def write(text, name='child', base='base'):
        path = tmp_path / f'{name}.py'
        path.write_text(f"_base_ = './{base}.py'\n{text}\n")
        return path

    return write


@pytest.mark.parametrize(
    'text, message',
    [
        ('crop_size = (256, 256)', r'set model\.size, train_dataloader.*pipeline\.1\.size'),
        ("depth = 'dsm'", r'set train_dataloader\.dataset\.depth, test_dataloader\.dataset\.depth'),
        ('depth = None', r'train_dataloader\.dataset\.depth'),
        ("train_pipeline = [dict(type='Load')]", r'set train_dataloader\.dataset\.pipeline'),
        ("test_pipeline = [dict(type='Load')]", r'set test_dataloader\.dataset\.pipeline'),
        # A pipeline reads this crop, but nothing reads that pipeline.
        ('crop_size = (256, 256)\ntrain_pipeline = [dict(size=crop_size)]', 'train_pipeline'),
        # Only the first of these two lines has no effect.
        ("depth = 'dsm'\ntrain_dataloader = dict(batch_size=4)", "'depth' in .*child.py"),
    ],
)
def test_a_name_that_nothing_uses_is_refused_with_the_keys_to_set(child, text, message):
    with pytest.raises(UserError, match=message):
        check_names(child(text))


@pytest.mark.parametrize(
    'text',
    [
        'train_dataloader = dict(batch_size=4)',
        'crop_size = (512, 512)',  # the base's own value
        'new_name = 3',
        "train_pipeline = [dict(type='Load')]\n"
        'train_dataloader = dict(dataset=dict(pipeline=train_pipeline))',
        'test_pipeline = {{_base_.short}}\n'
        'test_dataloader = dict(dataset=dict(pipeline={{_base_.short}}))',
        "depth = 'dsm'\ntest_dataloader = dict(dataset=dict(depth='dsm'))",
    ],
)
def test_settings_that_take_effect_are_accepted(child, text):
    check_names(child(text))


def test_the_files_in_between_are_checked_too(child):
    child('crop_size = (256, 256)', 'middle')
    with pytest.raises(UserError, match=r'middle\.py'):
        check_names(child('', 'leaf', 'middle'))
    # ... and may set names for those that build on them.
    check_names(child('model = dict(size={{_base_.crop_size}})', 'leaf', 'middle'))
    # Also names that no file of this config uses; in the config itself they would do nothing.
    middle = child("short = [dict(type='Other')]", 'middle')
    check_names(child('', 'leaf', 'middle'))
    with pytest.raises(UserError, match="'short' in .*middle.py .* set the key that uses it"):
        check_names(middle)


@pytest.mark.parametrize(
    'key, value', [('max_iters', 0), ('max_iters', 10.5), ('max_iters', True), ('val_interval', -1)]
)
def test_counts_are_whole_numbers(key, value):
    with pytest.raises(UserError, match=rf'train_cfg\.{key}={value!r}'):
        check_numbers(Config(dict(train_cfg={key: value})))


def test_loaders_may_have_no_workers_but_not_empty_batches():
    check_numbers(Config(dict(train_dataloader=dict(batch_size=1, num_workers=0))))
    check_numbers(Config(dict(val_dataloader=None)))
    with pytest.raises(UserError, match=r'test_dataloader\.batch_size=0'):
        check_numbers(Config(dict(test_dataloader=dict(batch_size=0))))


@pytest.mark.parametrize(
    'key, value',
    [('crop_size', (-1, -1)), ('crop_size', (128,)), ('crop_size', (64.0, 64)), ('crop_size', 0)],
)
def test_a_crop_is_a_size(key, value):
    step = {'type': 'BalancedCrop', key: value}
    cfg = Config(dict(train_dataloader=dict(dataset=dict(pipeline=[step]))))
    assert refusal(check_sizes, cfg) == (
        f'train_dataloader.dataset.pipeline.0.crop_size={value!r} is not a valid size: set it '
        'to (height, width), both whole numbers of 1 or more.'
    )
    step[key] = 64  # what mmseg takes for a square
    check_sizes(Config(dict(train_dataloader=dict(dataset=dict(pipeline=[step])))))


@pytest.mark.parametrize(
    'window, sentence',
    [
        (dict(mode='wohle'), "model.test_cfg.mode='wohle' is unknown: use 'whole' or 'slide'."),
        (
            dict(mode='slide', stride=(8, 8)),
            "model.test_cfg has mode='slide' but no crop_size: add crop_size=(h, w).",
        ),
        (
            dict(mode='slide', crop_size=(8, 8), stride=4),
            'model.test_cfg.stride=4 is not a valid size: set it to (height, width), both '
            'whole numbers of 1 or more.',
        ),
        (
            dict(mode='slide', crop_size=(8, 8), stride=(4, 9)),
            'model.test_cfg: windows of (8, 8) pixels with a stride of (4, 9) leave gaps in an '
            'image: set a stride that is not larger than crop_size.',
        ),
    ],
)
def test_windows_cover_an_image(window, sentence):
    assert refusal(check_sizes, Config(dict(model=dict(test_cfg=window)))) == sentence


def test_windows_that_cover_an_image_are_accepted():
    for window in (dict(mode='whole'), dict(mode='slide', crop_size=(8, 8), stride=[8, 4]), None):
        check_sizes(Config(dict(model=dict(test_cfg=window))))


@pytest.mark.parametrize(
    'wrapper, sentence',
    [
        (
            dict(optimizer=dict(type='AdamW', lr=-1e-3)),
            'optim_wrapper.optimizer.lr=-0.001 is not a valid learning rate: set it to a '
            'number above 0.',
        ),
        (
            dict(critics=dict(optimizer=dict(type='SGD', lr=0))),
            'optim_wrapper.critics.optimizer.lr=0 is not a valid learning rate: set it to a '
            'number above 0.',
        ),
        (
            dict(optimizer=dict(type='AdamWW', lr=1)),
            "optim_wrapper.optimizer.type: there is no optimizer 'AdamWW'; did you mean 'AdamW'?",
        ),
        (
            dict(constructor='StageDecay', optimizer=dict(type='AdamW', lr=1)),
            "optim_wrapper.constructor: there is no optimizer wrapper constructor 'StageDecay'; "
            "did you mean 'StageDecayOptimWrapperConstructor'?",
        ),
        (
            dict(type='OptimWrapper'),
            "optim_wrapper has no optimizer: add one, such as optimizer=dict(type='AdamW', "
            'lr=6e-5).',
        ),
    ],
)
def test_optimisers_are_known_and_learn(wrapper, sentence):
    assert refusal(check_optimizers, Config(dict(optim_wrapper=wrapper))) == sentence


def test_a_backend_whose_package_is_missing_is_refused(monkeypatch):
    cfg = Config(dict(visualizer=dict(vis_backends=[dict(type='LocalVisBackend')])))
    check_backends(cfg)
    cfg.visualizer.vis_backends.append(dict(type='TensorboardVisBackend'))
    find = 'depthda.engine.checks.config_check.find_spec'
    monkeypatch.setattr(find, lambda name: None)
    assert refusal(check_backends, cfg) == (
        'visualizer.vis_backends.1: TensorboardVisBackend needs the package tensorboard, which is '
        'not installed: pip install tensorboard, or remove it from vis_backends.'
    )
    # Any of the packages that can write the files will do.
    monkeypatch.setattr(find, lambda name: name == 'tensorboardX' or None)
    check_backends(cfg)


def test_hooks_have_a_type():
    check_hooks(Config(dict(custom_hooks=[dict(type='EMAHook', priority='LOW')])))
    check_hooks(Config({}))
    for hooks, sentence in (
        (
            [dict(type='EMAHook'), dict(priority='LOW')],
            "custom_hooks.1 has no type: name the class of the hook, as in dict(type='NAME', "
            '…), or remove it.',
        ),
        (dict(type='A'), "custom_hooks is not a list: write custom_hooks=[dict(type='NAME', …)]."),
    ):
        assert refusal(check_hooks, Config(dict(custom_hooks=hooks))) == sentence


def test_a_loop_has_all_of_its_parts():
    complete = dict.fromkeys(('train_dataloader', 'train_cfg', 'optim_wrapper'), {})
    check_training(Config(complete | dict(val_dataloader=None, log_level='INFO')))
    for change, sentence in (
        (dict(train_cfg=None), 'the config has no train_cfg, so there is nothing to train: add it'),
        (
            dict(val_dataloader={}, val_evaluator={}),
            'the config has val_dataloader and val_evaluator, but no val_cfg: set all three, '
            'or set all three to None',
        ),
        (
            dict(log_level='LOUD'),
            "log_level='LOUD' is unknown: use one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        ),
    ):
        assert refusal(check_training, Config(complete | change)) == f'{sentence}.'


@pytest.mark.parametrize('seed', [-1, 1 << 32, 0.5])
def test_a_seed_that_numpy_refuses_is_refused(seed):
    with pytest.raises(UserError, match=rf'randomness\.seed={seed!r} is not a valid seed'):
        check_numbers(Config(dict(randomness=dict(seed=seed))))


def test_a_file_that_has_changed_is_read_again(child, tmp_path, monkeypatch):
    path, base = child('crop_size = (512, 512)'), tmp_path / 'base.py'
    check_names(path)
    base.write_text(BASE.replace('(512, 512)', '(1024, 1024)'))
    with pytest.raises(UserError, match="'crop_size' in .*child.py has no effect"):
        check_names(path)
    base.write_text(BASE)
    check_names(path)
    # The same relative path in another folder is another file.
    for name, size in (('one', '(512, 512)'), ('other', '(1024, 1024)')):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f'{name}.py').write_text(BASE.replace('(512, 512)', size))
        (folder / 'child.py').write_text(f"_base_ = './{name}.py'\ncrop_size = (512, 512)\n")
    monkeypatch.chdir(tmp_path / 'one')
    check_names(Path('child.py'))
    monkeypatch.chdir(tmp_path / 'other')
    with pytest.raises(UserError, match='has no effect'):
        check_names(Path('child.py'))
