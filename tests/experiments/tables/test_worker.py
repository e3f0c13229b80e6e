"""A chain of steps is a row like any other: each step runs once, on the results of the last."""

import json
from dataclasses import replace

import pytest
from small_tables import SHORT

from depthda.errors import UserError
from depthda.experiments.tables.execute import execute
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.samples import make_samples
from depthda.experiments.tables.table import load_table
from depthda.experiments.tables.worker import _run
from depthda.io.files import read_json, write_json

CONFIG = 'configs/sample/upernet_tiny_u2r.py'
# As translation does it: a tool makes a new source dataset, and a model is trained on it.
CHAIN = [
    dict(
        tool=(
            *('tools/make_sample.py', '{run}/made', '--size', '128', '--seed', '1{seed}'),
            *('--train', '12', '--val', '0', '--test', '2'),
        )
    ),
    dict(
        train=CONFIG,
        name='model',
        options=SHORT | {'train_dataloader.dataset.data_root': '{run}/made'},
    ),
    dict(test=CONFIG, of='model', checkpoint='last'),
]


@pytest.fixture
def run(write_table, tmp_path):
    row = dict(name='chain', title='Chain', steps=CHAIN, sample=dict(train=12, test=2, size=128))
    run = plan_runs(load_table(write_table([row], worlds=(0,))), tmp_path / 'out', [3])[0]
    make_samples([(run.data, run.world, run.row.sample)], 1, lambda done, total: None)
    run.folder.mkdir(parents=True)
    write_json(run.folder / 'run.json', run.describe())
    return run


def test_a_chain_runs_and_a_finished_step_is_not_repeated(run, monkeypatch):
    _run(run.folder)
    assert read_json(run.folder / 'made' / 'world.json')['seed'] == 13
    result = run.result
    assert result['trained_on']['data_root'] == str(run.folder / 'made')
    assert result['tested_on']['data_root'] == str(run.data)
    assert result['checkpoint']['file'] == str(run.folder / 'model' / 'iter_2.pth')
    assert result['seed'] == 3 and result['state'] == 'done'
    assert not result['target_selected'] and result['target_images_seen'] is None

    # Killed in the test: the steps before it are done.
    (run.folder / 'result.json').unlink()
    state = read_json(run.folder / 'steps.json')
    write_json(run.folder / 'steps.json', state | {'done': 2})
    done = []
    monkeypatch.setattr('depthda.engine.launch.train', lambda *args, **rest: done.append('train'))
    made = (run.folder / 'made' / 'world.json').stat().st_mtime_ns
    _run(run.folder)
    assert done == [] and run.result['scores'] == result['scores']
    assert (run.folder / 'made' / 'world.json').stat().st_mtime_ns == made


def test_a_tool_that_fails_ends_the_chain(run):
    first, *rest = run.steps
    first = replace(first, tool=('tools/make_sample.py', str(run.data / 'world.json')))
    run = replace(run, steps=(first, *rest))
    ((_, error),) = execute([run])
    assert 'make_sample.py' in error and 'ended with status 2: error: ' in error
    assert error.endswith('world.json is a file: choose a folder'), error
    assert not (run.folder / 'result.json').exists()
    assert not (run.folder / 'model').exists()


def test_a_chain_without_a_test_is_refused(run):
    described = run.describe()
    described['steps'] = []
    (run.folder / 'run.json').write_text(json.dumps(described))
    with pytest.raises(UserError, match='without a test'):
        _run(run.folder)
