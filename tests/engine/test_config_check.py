import pytest
from mmengine.config import Config

from depthda.engine.config_check import check_names, check_numbers, merge_mistakes
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
    'text, uses',
    [
        ('crop_size = (256, 256)', r'set model\.size, train_dataloader.*pipeline\.1\.size'),
        ("depth = 'dsm'", r'set train_dataloader\.dataset\.depth, test_dataloader\.dataset\.depth'),
        ('depth = None', r'train_dataloader\.dataset\.depth'),
        ("train_pipeline = [dict(type='Load')]", r'set train_dataloader\.dataset\.pipeline'),
        ("test_pipeline = [dict(type='Load')]", r'set test_dataloader\.dataset\.pipeline'),
        # The crop is read here, but by a pipeline that is not.
        ('crop_size = (256, 256)\ntrain_pipeline = [dict(size=crop_size)]', 'train_pipeline'),
        # Other values of a set are changed, this one is not.
        ("depth = 'dsm'\ntrain_dataloader = dict(batch_size=4)", "'depth' in .*child.py"),
    ],
)
def test_a_name_that_nothing_uses_is_refused_with_the_keys_to_set(child, text, uses):
    with pytest.raises(UserError, match=uses):
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
def test_what_takes_effect_is_left_alone(child, text):
    check_names(child(text))


def test_the_files_in_between_are_checked_too(child):
    child('crop_size = (256, 256)', 'middle')
    with pytest.raises(UserError, match=r'middle\.py'):
        check_names(child('', 'leaf', 'middle'))
    # ... and may set names for those that build on them.
    check_names(child('model = dict(size={{_base_.crop_size}})', 'leaf', 'middle'))


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


def test_an_inherited_argument_that_the_new_type_refuses_is_one_sentence():
    import torch

    cfg = Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, betas=(0.9, 0.999)))))
    with (
        pytest.raises(UserError, match=r"optim_wrapper\.optimizer: SGD takes no 'betas'.*_delete_"),
        merge_mistakes(cfg),
    ):
        torch.optim.SGD([torch.zeros(1)], lr=0.1, betas=1)
    # The same error from elsewhere is a bug and keeps its traceback.
    with pytest.raises(TypeError), merge_mistakes(cfg):
        torch.optim.SGD([torch.zeros(1)], lr=0.1, beta=1)
    with pytest.raises(TypeError), merge_mistakes(cfg):
        len(3)
