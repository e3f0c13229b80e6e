"""The tables of the project: what they name exists, what they print is the papers'."""

import csv
import re
from pathlib import Path

import pytest

from depthda.engine.checks.schedule_check import schedule_warnings
from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.record_score import record_score
from depthda.experiments.tables.runner import run_table
from depthda.experiments.tables.table import Row, Table, load_table
from depthda.io.files import read_json

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / 'configs' / 'tables').glob('*.py'))
LOVEDA = {'loveda-u2r': 'Rural', 'loveda-r2u': 'Urban'}
DRDG = 'drdg_potsdam2vaihingen'
ABLATIONS = 'configs/depth_guided/ablations/*.py'
PAPERS = [*LOVEDA, 'depthseg-table1', 'depthseg-table2', DRDG]
MEAN_TOLERANCE = 0.02


@pytest.fixture(autouse=True)
def without_data(tmp_path, monkeypatch) -> None:
    """A folder with the configs and nothing else: LoveDA may or may not lie in the real one."""
    here = tmp_path / 'here'
    here.mkdir()
    (here / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.chdir(here)


def read(name: str) -> Table:
    return load_table(f'configs/tables/{name}.py')


def paper(table: Table, row: str) -> dict[str, float]:
    """The figures that a paper prints in a row, by the keys of their columns."""
    keys = [('gain ' if column.gain else '') + column.key for column in table.columns]
    printed = zip(keys, table.row(row).paper, strict=True)
    return {key: value for key, value in printed if value is not None}


def test_every_table_of_the_papers_is_here():
    assert {*PAPERS, 'synthetic', 'synthetic-controls'} <= set(NAMES)
    counts = {name: sum(bool(row.paper) for row in read(name).rows) for name in PAPERS}
    assert counts == dict(zip(PAPERS, (16, 16, 6, 12, 10), strict=True))


@pytest.mark.parametrize('name', NAMES)
def test_the_real_configs_take_the_overrides_and_every_row_has_a_smoke_run(name):
    table = read(name)
    worlds = table.worlds[:1]
    runs = plan_runs(table, 'out', [0], worlds)
    small = plan_runs(table, 'out', [0], [0], smoke=True)
    names = [row.name for row in table.rows if not (row.absent or row.same_as)]
    assert [run.row.name for run in runs] == [run.row.name for run in small] == names
    for run in runs:
        needs = {'depthseg': 'data/liuzhou', 'drdg': 'data/potsdam'}
        needs = needs.get(re.split('[-_]', name)[0], 'data/loveda')
        if name == 'arctic':
            needs = f'data/arctic/{re.split("[-2]", run.row.name)[-2]}'
        assert run.missing == (needs if run.row.sample is None else None)
    for run in small:
        # A stand-in is tiny: a real model would be told by its width.
        assert run.missing is None
        assert all(step.train.startswith('configs/sample/') for step in run.steps if step.train)
        for step in run.steps:
            assert not step.train or resolved_config(step).train_cfg.max_iters <= 2
    for step in (step for run in (*runs, *small) for step in run.steps if step.train):
        assert schedule_warnings(resolved_config(step)) == []


@pytest.mark.parametrize('name, target', LOVEDA.items())
def test_protocols_of_the_rows_are_those_of_their_configs(name, target):
    runs = {run.row.name: run for run in plan_runs(read(name), 'out', [0])}
    for smoke in (False, True):
        for run in plan_runs(read(name), 'out', [0], [0], smoke=smoke):
            training, test = (resolved_config(step) for step in run.steps)
            unlabelled = not test.test_evaluator
            assert unlabelled == (run.row.protocol == 'server')
            assert test.test_dataloader.dataset.domain == target
            assert training.train_dataloader.dataset.domain != target
            selects = training.val_dataloader and training.val_dataloader.dataset.domain
            released = run.row.name.endswith('-as-released')
            assert (selects == target) == released == run.row.title.endswith('as released')
            if unlabelled and smoke:
                assert run.row.against == f'{{data}}/Test/{target}/images_png'
    if name == 'loveda-u2r':
        tta = {run.row.name for run in runs.values() if any(step.tta for step in run.steps)}
        assert tta == {'tricks'} and 'a guess' in runs['tricks'].row.note
    configs = {run.steps[0].train for run in runs.values()}
    short = name.removeprefix('loveda-')
    there = {
        f'configs/{p.parent.name}/{p.name}' for p in ROOT.glob(f'configs/*/*_loveda-{short}-*')
    }
    assert configs == there and len(configs) == len(runs)


@pytest.mark.parametrize('name', LOVEDA)
def test_loveda_means_are_those_of_the_classes_or_flagged(name):
    table = read(name)
    assert [column.key for column in table.columns][-1] == 'mIoU' and len(table.columns) == 8
    for row in table.rows:
        if row.paper:
            check_mean(row, row.paper[:-1], row.paper[-1])


def check_mean(row: Row, values: tuple[float, ...], printed: float) -> None:
    mean = sum(values) / len(values)
    wrong = abs(mean - printed) > MEAN_TOLERANCE
    flag = f'classes average {mean:.2f}, its mIoU is printed as {printed:.2f}'
    assert wrong == ('misprint' in row.note) == (flag in row.note), (row.name, mean, printed)


def test_every_ablation_runs_in_both_directions_from_one_file():
    table = read('depth-guided')
    runs = {run.row.name: run for run in plan_runs(table, 'out', [0])}
    files = {run.steps[0].train for run in runs.values()}
    ablations = {f'configs/{p.relative_to(ROOT / "configs")}' for p in ROOT.glob(ABLATIONS)}
    assert ablations < files and len(files - ablations) == 2
    for name, run in runs.items():
        stem, direction = name.rsplit('-', 1)
        source, target = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}[direction]
        training, test = (resolved_config(step) for step in run.steps)
        loaders = (training.train_dataloader, training.val_dataloader, test.test_dataloader)
        assert [each.dataset.domain for each in loaders] == [source, source, target]
        other = runs[f'{stem}-{"r2u" if direction == "u2r" else "u2r"}']
        assert other.steps[0].train == run.steps[0].train
        assert run.row.baseline == ('' if stem == 'rgb' else f'rgb-{direction}')


@pytest.mark.parametrize('name, local', [('rgb', 'convnext-b'), ('both', 'guided-convnext-b-s')])
def test_a_direction_made_by_options_is_the_run_of_its_own_file(name, local):
    for direction in ('u2r', 'r2u'):
        (mine,) = plan_runs(read('depth-guided'), 'out', [0], only=[f'{name}-{direction}'])
        (theirs,) = plan_runs(read(f'loveda-{direction}'), 'out', [0], only=[f'{local}-local'])
        assert mine.hash == theirs.hash


def test_released_rates_stand_in_rows_of_their_own():
    runs = {run.row.name: run for run in plan_runs(read('depth-guided'), 'out', [0])}
    for name in ('swin-b-s', 'swin-l-s', 'mit-b5-b1'):
        cfg = resolved_config(runs[f'{name}-released-rates-u2r'].steps[0])
        assert cfg.optim_wrapper.optimizer.lr == 6e-5
        assert cfg.optim_wrapper.paramwise_cfg.decay_rate == 1
        assert cfg.train_dataloader.batch_size == 3
    cfg = resolved_config(runs['contrast-alone-released-r2u'].steps[0])
    assert cfg.model.neck.scale_weights == [0.03, 0.03, 0.04, 0.04]
    assert cfg.model.decode_head.type == 'UPerHead'


def test_a_method_that_exists_is_never_absent():
    for name in NAMES:
        for row in read(name).rows:
            assert row.absent in (None, 'method not in this project'), (name, row.name)


def test_the_papers_gains_of_depth_can_be_read_off():
    u2r, r2u = read('loveda-u2r'), read('loveda-r2u')
    means = [paper(u2r, row)['mIoU'] for row in ('convnext-b', 'convnext-b-s', 'convnext-xl-b')]
    assert means == [47.13, 48.98, 49.71]
    means = [paper(r2u, row)['mIoU'] for row in ('convnext-b', 'convnext-b-b', 'convnext-xl-b')]
    assert means == [44.11, 46.73, 47.68]


def test_rows_of_one_name_are_told_apart():
    twins = [row for row in read('loveda-u2r').rows if 'ST-DASegNet (SegFormer' in row.title]
    assert len(twins) == 2 and twins[0].title != twins[1].title
    assert all('two rows of this name' in row.note for row in twins)


def test_depthseg_differences_are_those_of_the_figures():
    table = read('depthseg-table2')
    compared = 0
    for row in table.rows:
        printed = paper(table, row.name)
        gains = {key: value for key, value in printed.items() if key.startswith('gain ')}
        assert len(gains) == (4 if row.baseline else 0)
        base = paper(table, row.baseline) if row.baseline else {}
        for key, gain in gains.items():
            metric = key.removeprefix('gain ')
            assert round(printed[metric] - base[metric], 2) == gain, (row.name, metric)
            compared += 1
    assert compared == 36


@pytest.mark.parametrize('encoder', 'sbl')
def test_depthseg_tables_agree(encoder):
    first = paper(read('depthseg-table1'), f'depthseg-{encoder}')
    second = paper(read('depthseg-table2'), f'{encoder}-both')
    shared = ('mF1', 'mIoU', 'OA', 'Kappa')
    assert [first[key] for key in shared] == [second[key] for key in shared]


def test_drdg_means_are_those_of_the_classes():
    table = read(DRDG)
    first = [row for row in table.rows if row.section == 'Table I']
    assert len(first) == 6
    for row in first:
        printed = paper(table, row.name)
        for score in ('IoU', 'F1'):
            values = [value for key, value in printed.items() if key.startswith(f'{score}.')]
            assert len(values) == 6
            assert abs(sum(values) / 6 - printed[f'm{score}']) <= MEAN_TOLERANCE, row.name
        for key, iou in printed.items():
            if key.startswith('IoU.'):
                # F1 is concave in IoU: its mean over batches is below the F1 of the mean.
                of_the_mean = 200 * iou / (100 + iou)
                assert printed[key.replace('IoU', 'F1')] <= of_the_mean + 0.01, (row.name, key)


def test_drdg_tables_agree():
    table = read(DRDG)
    for row in ('rdg', 'drdg'):
        first, second = paper(table, row), paper(table, f'{row}-2')
        assert second == {key: first[key] for key in second} and len(second) == 4
        # The paper's means are over batches, and its row here has both.
        assert [first[f'released/{key}'] for key in ('mIoU', 'mF1')] == [*second.values()][:2]


def test_a_drdg_row_trains_translates_trains_and_tests():
    for run in plan_runs(read(DRDG), 'out', [0]):
        if run.row.name == 'baseline':
            continue
        translation, tool, training, test = run.steps
        assert [*tool.tool[:3]] == ['tools/translate.py', translation.train, '{run}/translation']
        assert [*tool.tool[3:]] == ['--out', '{run}/translated']
        train, tested = (resolved_config(step) for step in (training, test))
        assert train.train_dataloader.dataset.data_root == '{run}/translated'
        assert train.val_dataloader.dataset.data_root == 'data/vaihingen'
        assert (tested.test_dataloader.dataset.type, tested.test_dataloader.dataset.split) == (
            'Vaihingen',
            'test',
        )
        assert test.of == training.name and test.test == training.train
        aggregates = [each.get('aggregate', 'global') for each in tested.test_evaluator]
        assert aggregates == ['global', 'per_batch']


def test_a_synthetic_translation_is_told_what_its_training_was():
    for run in plan_runs(read('synthetic-drdg'), 'out', [0], [1]):
        if run.row.name.startswith('rgb'):
            continue
        translation, tool, training, _ = run.steps
        trained = resolved_config(translation)
        said = dict(word.split('=') for word in tool.tool if '=' in word)
        assert said.pop('translate_dataset.data_root') == '{data}'
        for name in ('dsl_weight', 'dccl_weight'):
            key = f'model.{name}'
            assert float(said.get(key, translation.options.get(key, -1))) == float(
                translation.options.get(key, -1)
            )
        weights = [trained.model.dsl_weight, trained.model.dccl_weight]
        expected = dict(cyclegan=[0, 0], rdg=[0, 0], drdg=[2, 1]) | {
            'wo-dsl': [0, 1],
            'wo-dccl': [2, 0],
        }
        assert weights == expected[run.row.name.removesuffix(f'-{run.row.name[-3:]}')]
        # Labels of the target are nowhere near the training.
        source, target = run.row.source, run.row.target
        pair = trained.train_dataloader.dataset
        assert (pair.source.domain, pair.target.domain) == (source, target)
        assert pair.target.split == 'Train'
        assert trained.translate_dataset.domain == source
        assert resolved_config(training).train_dataloader.dataset.domain == source


def test_the_source_only_rows_of_drdg_are_the_synthetic_ones():
    rows = ['rgb-u2r', 'rgb-r2u']
    mine, others = (
        [run.hash for run in plan_runs(read(name), 'out', only=rows)]
        for name in ('synthetic-drdg', 'synthetic')
    )
    assert mine == others and len(mine) == 18


def test_synthetic_rows_are_the_same_runs_as_in_the_controls():
    controls = {row.name for row in read('synthetic-controls').rows}
    rows = [row.name for row in read('synthetic').rows if row.name in controls]
    mine, controls = (
        {(r.row.name, r.world, r.seed): r.hash for r in plan_runs(read(name), 'out', only=rows)}
        for name in ('synthetic', 'synthetic-controls')
    )
    assert len(mine) == 8 * 3 * 3
    assert mine == controls


def test_smoke_runs_end_awaiting_a_score_and_a_recorded_one_fills_the_table(tmp_path, monkeypatch):
    # tests/test_configs.py builds the real models.
    monkeypatch.setattr('depthda.experiments.tables.runner.check_real_configs', lambda *_: None)
    path = 'configs/tables/loveda-u2r.py'
    only = ['convnext-b-s', 'convnext-b-as-released', 'convnext-b-local']
    out = tmp_path / 'out'
    assert not run_table(path, out, only=only, jobs=1, smoke=True)
    results = {file.parents[1].name: file for file in out.glob('loveda-u2r/*/*/result.json')}
    assert set(results) == set(only)
    states = {name: read_json(file)['state'] for name, file in results.items()}
    assert states == dict(zip(only, ('awaiting score', 'awaiting score', 'done'), strict=True))
    chosen = {name: read_json(file)['target_selected'] for name, file in results.items()}
    assert chosen == dict(zip(only, (False, True, False), strict=True))
    assert list(results['convnext-b-s'].parent.glob('convnext-b-s_*seed-0-*.zip'))
    before = {name: file.stat().st_mtime_ns for name, file in results.items()}

    assert not run_table(path, out, only=only, jobs=1, smoke=True)
    assert {name: file.stat().st_mtime_ns for name, file in results.items()} == before

    scores = ['36.79', '59.27', '46.97', '71.31', '19.87', '41.62', '67.05']
    record_score(path, 'convnext-b-s', 0, scores, out, miou=48.98, smoke=True)
    assert not run_table(path, out, only=only, smoke=True, report=True)
    with open(out / 'loveda-u2r' / 'table.csv', newline='') as file:
        lines = [line for line in csv.DictReader(file) if line['from'] == 'here']
    here = {row: [line for line in lines if line['row'] == row] for row in only}
    assert [float(line['mean']) for line in here[only[0]]] == [*map(float, scores), 48.98]
    assert {row: [line['marks'] for line in here[row]][-1] for row in only} == dict(
        zip(only, ('', 'target-selected', ''), strict=True)
    )
    assert {row: here[row][-1]['state'] for row in only} == dict(
        zip(only, ('', '1 awaiting score', ''), strict=True)
    )


def test_rows_of_the_segmentation_challenge_have_both_domains():
    for smoke in (False, True):
        for run in plan_runs(read('loveda-seg'), 'out', [0], [0], smoke=smoke):
            training, test = (resolved_config(step) for step in run.steps)
            for loader in (training.train_dataloader, test.test_dataloader):
                assert loader.dataset.domain == ['Urban', 'Rural']
            assert run.row.protocol == 'server' and not test.test_evaluator
            assert run.row.against == ('{data}' if smoke else None)


def test_the_example_of_the_page_is_a_table(tmp_path):
    page = (ROOT / 'configs' / 'tables' / 'README.md').read_text(encoding='utf-8')
    example = tmp_path / 'example.py'
    example.write_text(re.search(r'```python\n(.*?)```', page, re.DOTALL)[1], encoding='utf-8')
    table = load_table(example)
    runs = plan_runs(table, tmp_path)
    assert len(runs) == len(plan_runs(table, tmp_path, smoke=True)) > 0
    assert any(row.absent for row in table.rows) and any(row.paper for row in table.rows)


def test_the_page_names_every_table():
    page = (ROOT / 'configs' / 'tables' / 'README.md').read_text(encoding='utf-8')
    assert re.findall(r'^\| \[([\w-]+)\]\(\1\.py\)', page, re.MULTILINE) == sorted(NAMES)
