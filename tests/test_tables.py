"""The runs of the tables: their configs, data, directions, protocols, steps and smoke runs."""

import csv
import re
from pathlib import Path

import pytest

from depthda.engine.checks.schedule_check import schedule_warnings
from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.record_score import record_score
from depthda.experiments.tables.runner import run_table
from depthda.experiments.tables.table import Table, load_table
from depthda.io.files import read_json

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / 'configs' / 'tables').glob('*.py'))
LOVEDA = {'loveda-u2r': 'Rural', 'loveda-r2u': 'Urban'}
DRDG = 'drdg_potsdam2vaihingen'
ABLATIONS = 'configs/depth_guided/ablations/*.py'
LOCAL = dict(rgb='convnext-b-local', both='guided-convnext-b-s-local')


@pytest.fixture(autouse=True)
def without_data(tmp_path, monkeypatch) -> None:
    """Change to a folder with configs but no data, because the project folder may have data."""
    folder = tmp_path / 'project'
    folder.mkdir()
    (folder / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.chdir(folder)


def read(name: str) -> Table:
    return load_table(f'configs/tables/{name}.py')


@pytest.mark.parametrize('name', NAMES)
def test_the_real_configs_accept_the_overrides_and_every_row_has_a_smoke_run(name):
    table = read(name)
    worlds = table.worlds[:1]
    runs = plan_runs(table, 'out', [0], worlds)
    smoke = plan_runs(table, 'out', [0], [0], smoke=True)
    names = [row.name for row in table.rows if not (row.absent or row.same_as)]
    assert [run.row.name for run in runs] == [run.row.name for run in smoke] == names
    for run in runs:
        folders = {'depthseg': 'data/liuzhou', 'drdg': 'data/potsdam'}
        folder = folders.get(re.split('[-_]', name)[0], 'data/loveda')
        if name == 'arctic':
            folder = f'data/arctic/{re.split("[-2]", run.row.name)[-2]}'
        assert run.missing == (folder if run.row.sample is None else None)
    for run in smoke:
        assert run.missing is None
        assert all(step.train.startswith('configs/sample/') for step in run.steps if step.train)
        for step in run.steps:
            assert not step.train or resolved_config(step).train_cfg.max_iters <= 2
    for step in (step for run in (*runs, *smoke) for step in run.steps if step.train):
        assert schedule_warnings(resolved_config(step)) == []


@pytest.mark.parametrize('name, target', LOVEDA.items())
def test_the_protocol_of_a_row_is_that_of_its_config(name, target):
    runs = {run.row.name: run for run in plan_runs(read(name), 'out', [0])}
    for smoke in (False, True):
        for run in plan_runs(read(name), 'out', [0], [0], smoke=smoke):
            training, test = (resolved_config(step) for step in run.steps)
            unlabelled = not test.test_evaluator
            assert unlabelled == (run.row.protocol == 'server')
            assert test.test_dataloader.dataset.domain == target
            trained_on = training.train_dataloader.dataset
            if trained_on.type == 'DomainPairDataset':
                assert trained_on.target.domain == target and not trained_on.target.labels
                trained_on = trained_on.source.get('dataset') or trained_on.source
            assert trained_on.domain != target
            selection_domain = training.val_dataloader and training.val_dataloader.dataset.domain
            released = run.row.name.endswith('-as-released')
            assert (selection_domain == target) == released == run.row.title.endswith('as released')
            if unlabelled and smoke:
                assert run.row.against == f'{{data}}/Test/{target}/images_png'
    if name == 'loveda-u2r':
        tta = {run.row.name for run in runs.values() if any(step.tta for step in run.steps)}
        assert tta == {'tricks'} and 'a guess' in runs['tricks'].row.note
    configs = {run.steps[0].train for run in runs.values()}
    short = name.removeprefix('loveda-')
    files = {
        f'configs/{p.parent.name}/{p.name}' for p in ROOT.glob(f'configs/*/*_loveda-{short}-*')
    }
    assert configs == files and len(configs) == len(runs)


def test_every_ablation_runs_in_both_directions_with_one_config():
    table = read('depth-guided')
    runs = {run.row.name: run for run in plan_runs(table, 'out', [0])}
    files = {run.steps[0].train for run in runs.values()}
    ablations = {f'configs/{p.relative_to(ROOT / "configs")}' for p in ROOT.glob(ABLATIONS)}
    assert ablations < files and len(files - ablations) == 2
    assert {f'{stem}-{direction}' for stem in LOCAL for direction in ('u2r', 'r2u')} <= runs.keys()
    for name, run in runs.items():
        stem, direction = name.rsplit('-', 1)
        source, target = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}[direction]
        training, test = (resolved_config(step) for step in run.steps)
        loaders = (training.train_dataloader, training.val_dataloader, test.test_dataloader)
        assert [loader.dataset.domain for loader in loaders] == [source, source, target]
        other = runs[f'{stem}-{"r2u" if direction == "u2r" else "u2r"}']
        assert other.steps[0].train == run.steps[0].train
        assert run.row.baseline == ('' if stem == 'rgb' else f'rgb-{direction}')
        # Setting the direction by options gives the same run as the config of that direction.
        if stem in LOCAL:
            (own,) = plan_runs(read(f'loveda-{direction}'), 'out', [0], only=[LOCAL[stem]])
            assert run.hash == own.hash


def test_released_hyperparameters_have_their_own_rows():
    runs = {run.row.name: run for run in plan_runs(read('depth-guided'), 'out', [0])}
    for name in ('swin-b-s', 'swin-l-s', 'mit-b5-b1'):
        cfg = resolved_config(runs[f'{name}-released-rates-u2r'].steps[0])
        assert cfg.optim_wrapper.optimizer.lr == 6e-5
        assert cfg.optim_wrapper.paramwise_cfg.decay_rate == 1
        assert cfg.train_dataloader.batch_size == 3
    cfg = resolved_config(runs['contrast-alone-released-r2u'].steps[0])
    assert cfg.model.neck.scale_weights == [0.03, 0.03, 0.04, 0.04]
    assert cfg.model.decode_head.type == 'UPerHead'


def test_a_drdg_row_trains_translates_trains_and_tests():
    runs = plan_runs(read(DRDG), 'out', [0])
    translations = {run.row.name: resolved_config(run.steps[0]).model for run in runs}
    kinds = [translations[name].type for name in ('benjdira', 'cyclegan-losses', 'rdg')]
    assert kinds == ['CycleGAN', 'DRDG', 'DRDG']
    for run in (*runs, *plan_runs(read(DRDG), 'out', [0], smoke=True)):
        if len(run.steps) == 2:  # trained on Potsdam itself, with or without images of Vaihingen
            continue
        translation, tool, training, test = run.steps
        assert [*tool.tool[:3]] == ['tools/translate.py', translation.train, '{run}/translation']
        assert [*tool.tool[3:5]] == ['--out', '{run}/translated']
        training_cfg, test_cfg = (resolved_config(step) for step in (training, test))
        dataset = training_cfg.train_dataloader.dataset
        original = dataset.get('source')
        assert (original is not None) == (run.row.name == 'mucss')
        assert dataset.get('translated', dataset).data_root == '{run}/translated'
        reads_depth = run.row.name.startswith('depth')
        assert bool(dataset.get('translated', dataset).depth) == reads_depth
        if run.data:  # a smoke run
            assert original is None or original.data_root == '{data}'
            continue
        assert len(tool.tool) == 5
        assert original is None or original.data_root == 'data/potsdam'
        assert training_cfg.val_dataloader.dataset.data_root == 'data/vaihingen'
        dataset = test_cfg.test_dataloader.dataset
        assert (dataset.type, dataset.split) == ('Vaihingen', 'test')
        assert test.of == training.name and test.test == training.train
        aggregates = [metric.get('aggregate', 'global') for metric in test_cfg.test_evaluator]
        assert aggregates == ['global', 'per_batch']


def test_translating_has_the_options_of_the_translation_training():
    table = read('synthetic-mechanisms')
    chains = [run for run in plan_runs(table, 'out', [0], [11]) if len(run.steps) == 4]
    for run in chains:
        translation, tool, training, _ = run.steps
        trained = resolved_config(translation)
        options = dict(word.split('=') for word in tool.tool if '=' in word)
        assert options.pop('translate_dataset.data_root') == '{data}'
        for name in ('dsl_weight', 'dccl_weight'):
            key = f'model.{name}'
            assert float(options.get(key, -1)) == float(translation.options.get(key, -1))
        weights = [trained.model.dsl_weight, trained.model.dccl_weight]
        expected = {'rdg': [0, 0], 'drdg': [2, 1], 'wo-dsl': [0, 1], 'wo-dccl': [2, 0]}
        assert weights == expected[run.row.name.partition('-gap')[0]]
        # No label of the target is used in training.
        source, target = run.row.source, run.row.target
        pair = trained.train_dataloader.dataset
        assert (pair.source.domain, pair.target.domain) == (source, target)
        assert pair.target.split == 'Train'
        assert trained.translate_dataset.domain == source
        assert resolved_config(training).train_dataloader.dataset.domain == source


def test_the_rows_that_two_tables_share_are_the_same_runs():
    other, shared = 'synthetic-controls', 6
    names = {row.name for row in read(other).rows}
    rows = [row.name for row in read('synthetic').rows if row.name in names]
    first, second = (
        {(r.row.name, r.world, r.seed): r.hash for r in plan_runs(read(name), 'out', only=rows)}
        for name in ('synthetic', other)
    )
    assert first == second and len(first) == shared * 6


def test_smoke_runs_await_scores_and_recorded_scores_are_in_the_table(tmp_path, monkeypatch):
    # tests/test_configs.py builds the real models.
    monkeypatch.setattr('depthda.experiments.tables.runner.check_real_configs', lambda *_: None)
    path = 'configs/tables/loveda-u2r.py'
    only = ['convnext-b-s', 'convnext-b-as-released', 'convnext-b-local']
    out = tmp_path / 'out'
    assert not run_table(path, out, only=only, jobs=1, smoke=True)
    results = {file.parents[1].name: file for file in out.glob('loveda-u2r/*/*/result.json')}
    assert set(results) == set(only)
    contents = [read_json(results[name]) for name in only]
    states = [content['state'] for content in contents]
    assert states == ['awaiting score', 'awaiting score', 'done']
    assert [content['target_selected'] for content in contents] == [False, True, False]
    assert list(results['convnext-b-s'].parent.glob('convnext-b-s_*seed-0-*.zip'))
    before = {name: file.stat().st_mtime_ns for name, file in results.items()}

    assert not run_table(path, out, only=only, jobs=1, smoke=True)
    assert {name: file.stat().st_mtime_ns for name, file in results.items()} == before

    scores = ['36.79', '59.27', '46.97', '71.31', '19.87', '41.62', '67.05']
    record_score(path, 'convnext-b-s', 0, scores, out, miou=48.98, smoke=True)
    assert not run_table(path, out, only=only, smoke=True, report=True)
    with open(out / 'loveda-u2r' / 'table.csv', newline='') as file:
        lines = [line for line in csv.DictReader(file) if line['from'] == 'here']
    rows_here = {row: [line for line in lines if line['row'] == row] for row in only}
    assert [float(line['mean']) for line in rows_here[only[0]]] == [*map(float, scores), 48.98]
    assert [rows_here[row][-1]['marks'] for row in only] == ['', 'target-selected', '']
    assert [rows_here[row][-1]['state'] for row in only] == ['', '1 awaiting score', '']


def test_rows_of_the_segmentation_challenge_have_both_domains():
    for smoke in (False, True):
        for run in plan_runs(read('loveda-seg'), 'out', [0], [0], smoke=smoke):
            training, test = (resolved_config(step) for step in run.steps)
            for loader in (training.train_dataloader, test.test_dataloader):
                assert loader.dataset.domain == ['Urban', 'Rural']
            assert run.row.protocol == 'server' and not test.test_evaluator
            assert run.row.against == ('{data}' if smoke else None)


def test_the_page_names_every_table_and_its_example_is_a_valid_table(tmp_path):
    page = (ROOT / 'configs' / 'tables' / 'README.md').read_text(encoding='utf-8')
    example = tmp_path / 'example.py'
    example.write_text(re.search(r'```python\n(.*?)```', page, re.DOTALL)[1], encoding='utf-8')
    table = load_table(example)
    runs = plan_runs(table, tmp_path)
    assert len(runs) == len(plan_runs(table, tmp_path, smoke=True)) > 0
    assert any(row.absent for row in table.rows) and any(row.paper for row in table.rows)

    assert re.findall(r'^\| \[([\w-]+)\]\(\1\.py\)', page, re.MULTILINE) == sorted(NAMES)
