"""A run is recognised by the settings that decide its result, and by nothing else."""

import json

import pytest
from refusals import refusal
from small_tables import finish, tiny

from depthda.errors import UserError
from depthda.experiments.tables.configs import read_config, resolve, resolved_config
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.table import load_table
from depthda.io.tuples import restored


@pytest.fixture
def plan(write_table, tmp_path):
    def make(*rows, name='small', seeds=None, **settings):
        table = load_table(write_table(list(rows), name=name, worlds=(1, 2), **settings))
        return plan_runs(table, tmp_path / 'out', seeds)

    return make


def test_one_run_for_each_world_and_seed(plan):
    runs = plan(tiny(checkpoint='best'), dict(name='x', title='X', absent='no data'), seeds=[0, 3])
    assert [(run.world, run.seed) for run in runs] == [(1, 0), (1, 3), (2, 0), (2, 3)]
    assert len({run.folder for run in runs}) == len({run.hash for run in runs}) == 4


@pytest.mark.parametrize(
    'change',
    [
        dict(options={'optim_wrapper.optimizer.lr': 0.5}),
        dict(test_options={'test_dataloader.dataset.domain': 'Urban'}),
        dict(sample={'fidelity': 0.5}),
        dict(checkpoint='last'),
        dict(config='configs/sample/depthda_tiny_u2r.py'),
    ],
)
def test_what_decides_the_result_changes_the_hash(plan, change):
    before = plan(tiny())[0]
    after = plan(tiny() | change)[0]
    assert before.hash != after.hash and before.folder != after.folder


@pytest.mark.parametrize(
    'change',
    [
        dict(title='another'),
        dict(note='another'),
        dict(options=tiny()['options'] | {'default_hooks.logger.interval': 3}),
        dict(options=tiny()['options'] | {'work_dir': 'elsewhere'}),
    ],
)
def test_what_does_not_decide_the_result_keeps_the_hash(plan, change):
    try:
        after = plan(tiny() | change)[0]
    except UserError:  # the config has no work_dir to override
        after = plan(tiny() | dict(options=tiny()['options'] | {'+work_dir': 'elsewhere'}))[0]
    assert plan(tiny())[0].hash == after.hash


def test_a_run_finished_for_another_table_is_not_repeated(plan):
    first = plan(tiny(), name='one')[0]
    assert plan(tiny('other'), name='two')[0].result is None
    finish(first, {'mIoU': 40.0})
    second = plan(tiny('other'), name='two')[0]
    assert second.folder == first.folder and second.result['scores'] == {'mIoU': 40.0}
    own = first.folder.parents[2] / 'two' / 'other' / first.folder.name
    own.mkdir(parents=True)
    (own / 'result.json').write_text('{}')
    assert plan(tiny('other'), name='two')[0].folder == own


def test_the_sample_and_the_seed_reach_the_config(plan):
    run = plan(tiny(), seeds=[7])[0]
    train, test = run.steps
    values = {'run': run.folder, 'data': run.data, 'seed': run.seed}
    assert resolve(train.options, values)['randomness.seed'] == 7
    for step in run.steps:
        options = resolve(step.options, values)
        assert options['train_dataloader.dataset.data_root'] == str(run.data)
        assert options['test_dataloader.dataset.data_root'] == str(run.data)
    assert resolved_config(train).train_cfg.max_iters == 2
    assert read_config(train.train).train_cfg.max_iters == 300  # the cached file is not changed


def test_placeholders_are_filled_at_any_depth():
    filled = resolve({'a': ['{run}/x', {'b': '{data}'}], 'c': '{seed}', 'd': 's{seed}', 'e': 3},
                     {'run': 'R', 'data': 'D', 'seed': 5})  # fmt: skip
    assert filled == {'a': ['R/x', {'b': 'D'}], 'c': 5, 'd': 's5', 'e': 3}


def test_data_that_does_not_exist_is_named(plan):
    row = dict(name='real', title='real', protocol='server',
               config='configs/depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-server-512x512.py',
               options={'train_dataloader.dataset.data_root': 'no/such/folder'})  # fmt: skip
    assert plan(row)[0].missing == 'no/such/folder'


COLUMN = dict(key='{target}/IoU.buildings', title='Buildings')
UNSAVED = tiny()['options'] | {'default_hooks.checkpoint.save_best': None}


@pytest.mark.parametrize(
    'rows, settings, sentence',
    [
        ([tiny() | dict(options={'train_cfg.max_iter': 3})], {}, "'train_cfg.max_iter' is not in"),
        (
            [tiny(checkpoint='best') | dict(options=UNSAVED)],
            {},
            "row 'rgb' tests the 'best' checkpoint, but its training saves none: set "
            "default_hooks.checkpoint.save_best and val_dataloader, or checkpoint='last'.",
        ),
        (
            [tiny()],
            dict(columns=[COLUMN]),
            "column 'Buildings' of row 'rgb': unknown score 'IoU.buildings': did you mean "
            "'IoU.building'?",
        ),
        (
            [tiny('rgb', 'upernet_tiny_r2u'), tiny('dual', 'depthda_tiny_u2r', baseline='rgb')],
            {},
            "row 'dual' is tested on Rural, but its baseline 'rgb' on Urban: name a baseline of "
            'the same direction.',
        ),
    ],
)
def test_rows_that_cannot_run_are_refused_before_training(plan, rows, settings, sentence):
    assert sentence in refusal(plan, *rows, **settings)


def test_a_row_that_cannot_be_run_cannot_be_chosen(write_table, tmp_path):
    table = load_table(write_table([dict(name='x', title='X', absent='no data')]))
    assert 'no data' in refusal(plan_runs, table, tmp_path, only=['x'])


def test_a_table_is_run_from_the_folder_of_its_relative_paths(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(plan, tiny(config='x')) == (
        f'the config configs/sample/x.py of the table does not exist in {tmp_path}: run the '
        'command in the folder to which the paths of the table are relative.'
    )


def test_tuples_survive_the_file_that_the_worker_reads(write_table, tmp_path):
    step = {'type': 'BalancedCrop', 'crop_size': (64, 64), 'more': [(1,), {'a': ()}]}
    row = tiny() | dict(options={'train_dataloader.dataset.pipeline': [step]})
    (run,) = plan_runs(load_table(write_table([row], worlds=(1,))), tmp_path)
    read = restored(json.loads(json.dumps(run.describe())))
    assert read['steps'][0]['options']['train_dataloader.dataset.pipeline'] == [step]
    old = {'steps': [{'tool': [], 'options': {'model.size': [1, 2]}}]}
    assert restored(old) == old
