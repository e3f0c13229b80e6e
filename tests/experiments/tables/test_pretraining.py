"""Rows that start from a pretraining: one training for all of them, done before them."""

import hashlib
import json

import pytest
import torch
from mmengine.config import Config
from refusals import refusal
from small_tables import SHORT, finish, stand_in_worker, tiny

from depthda.experiments.tables import worker
from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.plan import _identity, plan_runs
from depthda.experiments.tables.results import collect
from depthda.experiments.tables.runner import run_table, say_failed
from depthda.experiments.tables.table import load_table
from depthda.io.files import read_json
from depthda.io.lock import locked

BEFORE = dict(
    config='configs/pretraining/dates_resnet-tiny.py',
    world=1000,
    sample=dict(train=2, val=0, test=0, size=128, bands='two-dates'),
)
START = dict(type='Pretrained', checkpoint='{pretrained}', prefix='backbone.')
STARTED = SHORT | {'+model.backbone.init_cfg': START}


def started(name='started', **fields):
    return tiny(name, pretrained=BEFORE) | dict(options=STARTED) | fields


@pytest.fixture
def plan(write_table, tmp_path):
    def make(*rows, name='small', smoke=False):
        table = load_table(write_table(list(rows), name=name, worlds=(1,)))
        return plan_runs(table, tmp_path / 'out', smoke=smoke)

    return make


def test_rows_and_tables_with_the_same_settings_share_one_pretraining(plan, tmp_path):
    other = started('other', options=STARTED | {'optim_wrapper.optimizer.lr': 0.5})
    runs = [*plan(started(), other), *plan(started(), name='second')]
    shared = {run.pretraining.folder for run in runs}
    (folder,) = shared
    assert folder.parent == tmp_path / 'out' / 'pretraining' / 'dates_resnet-tiny'
    assert folder.name == f'world-1000_seed-0-{runs[0].pretraining.hash}'
    assert len({run.hash for run in runs}) == 2
    before = runs[0].pretraining
    assert before.data == tmp_path / 'out/samples' / before.data.name
    assert before.data.name.startswith('world-1000_two-dates-') and before.data != runs[0].data
    (step,) = before.steps
    assert (step.train, step.test) == (BEFORE['config'], None)
    assert runs[0].describe()['pretrained'] == str(folder)
    assert before.describe()['pretrained'] is None


@pytest.mark.parametrize(
    'change',
    [
        dict(config='configs/pretraining/dates_convnext-tiny.py'),
        dict(world=1001),
        dict(sample=BEFORE['sample'] | dict(train=3)),
    ],
)
def test_another_pretraining_makes_another_run(plan, change):
    (one,), (other,) = plan(started()), plan(started(pretrained=BEFORE | change))
    assert one.pretraining.folder != other.pretraining.folder
    assert one.pretraining.hash != other.pretraining.hash
    assert one.hash != other.hash and one.folder != other.folder


def test_runs_without_pretraining_keep_their_hash(plan):
    (plain,), (none,), (some,) = plan(tiny()), plan(tiny(pretrained=None)), plan(started('rgb'))
    assert plain.hash == none.hash and plain.pretraining is none.pretraining is None
    # The hash is the same as before rows could have a pretraining, so finished runs stay finished.
    content = [1, 0, plain.row.sample, [_identity(step) for step in plain.steps]]
    text = json.dumps(content, sort_keys=True, default=repr)
    assert plain.hash == hashlib.sha256(text.encode()).hexdigest()[:8]
    assert plain.hash != some.hash
    for row, missing in (
        (tiny(pretrained=BEFORE), 'add {pretrained} to an option'),
        (started(pretrained=None), 'set pretrained'),
    ):
        assert missing in refusal(plan, row)


def test_a_smoke_run_has_a_short_pretraining(plan):
    long = started(pretrained=BEFORE | dict(sample=BEFORE['sample'] | dict(train=160, size=256)))
    (run,) = plan(long, smoke=True)
    cfg = resolved_config(run.pretraining.steps[0])
    assert (cfg.train_cfg.max_iters, cfg.param_scheduler[-1].end) == (2, 2)
    sample = dict(train=12, val=0, test=2, size=128, bands='two-dates')
    assert run.pretraining.row.sample == sample


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(wrold=1), "unknown key 'wrold': did you mean 'world'?"),
        (dict(seed=1), "unknown key 'seed'"),
        (dict(sample=dict(trian=1)), "no setting 'trian'"),
        (dict(world='1000'), 'world must be a whole number'),
        (dict(sample='two-dates'), 'sample a dict'),
        (dict(sample=dict(train=2, bands='two-date')), "two-dates, not 'two-date'"),
        (dict(config='configs/pretraining/no.py'), 'the config configs/pretraining/no.py of'),
    ],
)
def test_a_mistake_in_the_settings_is_named(plan, settings, message):
    assert message in refusal(plan, started(pretrained=BEFORE | settings))
    without_world = {key: value for key, value in BEFORE.items() if key != 'world'}
    text = refusal(plan, started(pretrained=without_world))
    assert text.startswith("pretrained of row 'started' of ")
    assert text.endswith(" has no 'world': add it.")


def test_a_row_is_trained_from_the_weights_of_its_pretraining(
    write_table, tmp_path, monkeypatch, capsys
):
    path, out = write_table([started(), started('again')], worlds=(1,)), tmp_path / 'out'
    assert run_table(path, out, smoke=True) == []
    (before,) = out.glob('pretraining/*/*/result.json')
    (after,) = out.glob('small/*/*/result.json')
    result = read_json(before)
    assert (result['state'], result['row'], result['world']) == ('done', 'dates_resnet-tiny', 1000)
    assert result['scores'] == {} and 'protocol' not in result
    assert read_json(after)['state'] == 'done'

    weights = before.parent / 'iter_2.pth'
    dumped = Config.fromfile(after.parent / 'upernet_tiny_u2r.py')
    assert dumped.model.backbone.init_cfg.checkpoint == str(weights)
    first, last = (
        torch.load(file, weights_only=False)['state_dict']
        for file in (weights, after.parent / 'iter_2.pth')
    )
    kernels = [
        key for key, value in first.items() if key.startswith('backbone.') and value.ndim == 4
    ]
    assert len(kernels) == 22
    for key in kernels:  # two iterations hardly change them
        assert torch.corrcoef(torch.stack([first[key].flatten(), last[key].flatten()]))[0, 1] > 0.9

    assert 'dates_resnet-tiny, world 1000, seed 0: done (' in capsys.readouterr().out
    times = [file.stat().st_mtime_ns for file in (before, after)]
    monkeypatch.setattr('depthda.experiments.tables.runner.execute', None)  # would fail
    assert run_table(path, out, smoke=True) == []
    assert times == [file.stat().st_mtime_ns for file in (before, after)]
    run_table(path, out, smoke=True, dry_run=True)
    assert '0 of 2 runs would be done' in capsys.readouterr().out


SCRIPT = """
import json, pathlib, sys
for folder in map(pathlib.Path, sys.argv[1:]):
    failed = '/pretraining/' in str(folder)
    result = dict(state='done', scores=dict(mIoU=1.0), headline='all', seconds=1.0, commit='abc')
    result |= dict(protocol='local', target_selected=False, tested_on=dict(domains=['Rural']))
    name, content = ('failed', dict(error='broken', output=None)) if failed else ('result', result)
    (folder / f'{name}.json').write_text(json.dumps(content))
"""


def test_runs_whose_pretraining_failed_wait_for_it(write_table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('depthda.experiments.tables.runner.make_data', lambda *_: None)
    workers = stand_in_worker(monkeypatch, SCRIPT)
    path, out = write_table([started(), tiny()], worlds=(1,)), tmp_path / 'out'
    failed = run_table(path, out)
    ((run, error),) = failed
    assert (run.table, run.row.name, error) == ('pretraining', 'dates_resnet-tiny', 'broken')
    assert len(workers) == 2
    assert [file.parents[1].name for file in out.glob('small/*/*/run.json')] == ['rgb']
    capsys.readouterr()
    say_failed(failed)
    first = capsys.readouterr().out
    assert first.startswith('failed: pretraining, dates_resnet-tiny, world 1000, seed 0: broken (')

    run_table(path, out, dry_run=True)
    listed = capsys.readouterr().out
    assert 'would run  dates_resnet-tiny, world 1000' in listed
    assert 'would run  started, world 1' in listed and 'finished   rgb, world 1' in listed

    finish(run, {})  # by another process
    assert run_table(path, out) == [] and len(workers) == 3
    assert len(list(out.glob('small/started/*/result.json'))) == 1


def test_a_worker_waits_for_the_pretraining_of_another_process(tmp_path, monkeypatch):
    (tmp_path / 'iter_2.pth').touch()
    with locked(tmp_path):  # as another process does
        waited = []

        def sleep(seconds):
            waited.append(seconds)
            if len(waited) == 3:
                (tmp_path / 'result.json').touch()

        monkeypatch.setattr(worker.time, 'sleep', sleep)
        assert worker._pretrained(tmp_path) == tmp_path / 'iter_2.pth'
    assert len(waited) == 3
    (tmp_path / 'result.json').unlink()
    message = refusal(worker._pretrained, tmp_path)
    assert message == (
        f'the pretraining in {tmp_path} stopped: read its output.log and run the command again.'
    )


COLUMNS = [
    dict(key='{target}/mIoU', title='mIoU'),
    dict(key='{target}/mIoU', title='found', found=True),
    dict(key='{target}/mIoU', title='gain', gain=True, found=True),
]


def scores(on_target, on_source, mean=50.0):
    names = 'building', 'road', 'water'
    values = {f'IoU.{name}': value for name, value in zip(names, on_target, strict=True)}
    values |= {f'Urban/IoU.{name}': value for name, value in zip(names, on_source, strict=True)}
    return values | {'mIoU': mean, 'Urban/mIoU': mean}


def test_a_column_of_found_classes_leaves_out_what_the_baseline_misses(write_table, tmp_path):
    rows = [tiny(), tiny('dual', 'depthda_tiny_u2r', baseline='rgb')]
    table = load_table(write_table(rows, columns=COLUMNS, worlds=(1, 2, 3)))
    runs = plan_runs(table, tmp_path / 'out')
    both = dict(tested_on=dict(domains=['Rural', 'Urban']))
    figures = {  # IoU on the target, and on the source
        ('rgb', 1): ([40, 20, 6], [60, 10, 9.9]),  # finds no water
        ('dual', 1): ([46, 30, 90], [5, 0, 80]),
        ('rgb', 2): ([40, 20, 6], [60, 9.9, 70]),  # finds no road
        ('dual', 2): ([50, 99, 8], [60, 60, 60]),
        ('dual', 3): ([1, 1, 1], [60, 60, 60]),  # has no baseline yet
    }
    for run in runs:
        if ious := figures.get((run.row.name, run.world)):
            finish(run, scores(*ious), **both)
    rgb, dual = collect(table, runs)
    assert rgb.cells[1].mean == pytest.approx((30 + 23) / 2)
    assert dual.cells[1].mean == pytest.approx((38 + 29) / 2) and dual.cells[1].count == 2
    assert dual.cells[2].mean == pytest.approx((8 + 6) / 2) and dual.cells[2].count == 2
    assert dual.cells[0].count == 3  # the mIoU of all classes needs no baseline


def test_a_world_that_the_pretraining_has_seen_cannot_be_tested(plan):
    assert 'use another world' in refusal(plan, started(pretrained=BEFORE | dict(world=1)))
