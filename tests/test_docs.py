"""The examples of the documentation work; the files, tests and options that it names exist."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from mmengine.registry import VISUALIZERS

from depthda.cli import tool_parser
from depthda.config_files import find_config
from depthda.engine.launch import load_config
from depthda.experiments.tables.table import load_table
from depthda.io.files import read_json

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/logging.md').read_text()
LINES = re.findall(r'```python\n(visualizer = .*?)\n```', PAGE, re.DOTALL)


def build(line, folder):
    """Build the visualizer of a config with this line, as the runner does."""
    config = folder / 'config.py'
    base = ROOT / 'configs' / 'sample' / 'depthda_tiny_u2r.py'
    config.write_text(f'_base_ = [{str(base)!r}]\n{line}\n')
    settings = dict(load_config(config).visualizer, name=folder.name, save_dir=str(folder / 'run'))
    return VISUALIZERS.build(settings)


@pytest.mark.parametrize('line', LINES, ids=['tensorboard', 'wandb'])
def test_mmengine_accepts_a_line_and_keeps_the_local_log(line, tmp_path):
    named = [re.findall(r"type='(\w+)'", line)[1] for line in LINES]
    assert named == ['TensorboardVisBackend', 'WandbVisBackend']
    visualizer = build(line, tmp_path)
    kept, added = visualizer._vis_backends.values()
    kept.add_scalars({'loss': 2.0}, step=1)
    (path,) = tmp_path.glob('run/vis_data/scalars.json')
    assert json.loads(path.read_text()) == {'loss': 2.0, 'step': 1}
    assert type(added).__name__ in line


def test_every_link_and_every_script_of_the_pages_exists():
    pages = [ROOT / 'README.md', *ROOT.glob('docs/**/*.md'), *ROOT.glob('configs/**/README.md')]
    pages += [ROOT / 'data/README.md', ROOT / 'CONTRIBUTING.md', ROOT / 'tests/fidelity/README.md']
    for page in pages:
        text = page.read_text()
        prose = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
        for link in re.findall(r'\]\(([^)#\s]+)', prose):
            if '://' not in link:
                assert (page.parent / link).exists(), f'{page}: {link}'
        for script in re.findall(r'tools/[\w/]+\.py', text):
            assert (ROOT / script).is_file(), f'{page}: {script}'


def test_every_figure_of_the_benchmark_and_every_effect_of_a_difference_is_in_a_table():
    """Each number with two decimals in the text is, with its sign, in a file of docs/tables."""
    page = (ROOT / 'docs/synthetic-benchmark.md').read_text().split('## What came out')[1]
    tables = ' '.join(
        p.read_text() for p in (ROOT / 'docs/tables').rglob('*.*') if p.suffix != '.zip'
    )
    figures = set(re.findall(r'[+−]?\d+\.\d\d', page))
    assert len(figures) > 30
    # As numbers, because JSON has 12.5 for 12.50.
    known = {float(value) for value in re.findall(r'-?\d+\.\d+', tables)}
    assert not {figure for figure in figures if float(figure.replace('−', '-')) not in known}
    page = (ROOT / 'docs/differences.md').read_text().replace('−', '-')
    table = (ROOT / 'docs/tables/synthetic-released.md').read_text()
    effects = re.findall(r'mIoU by ([+-]\d+\.\d\d \[[^\]]*\])', page)
    assert len(effects) == 6
    assert not [effect for effect in effects if f'| {effect} |' not in table]


def test_every_training_step_of_the_page_on_gpus_is_in_its_table():
    page = (ROOT / 'docs/benchmarks.md').read_text()
    rows = json.loads((ROOT / 'docs/tables/training-steps-h200.json').read_text())['rows']
    lines = [line for line in page.splitlines() if ' → ' in line and line.count('|') == 11]
    assert len(lines) == len(rows) + 1
    for line, row in zip(lines[1:], rows, strict=True):
        keys = ('ms', 'images_per_s', 'peak_gib', 'kernel_ms', 'launches', 'waits')
        shown = ['–' if row[key] is None else f'{row[key]:,}' for key in keys]
        assert f'| {" | ".join(shown)} | {row["first_loss"]} → {row["last_loss"]} |' in line


def test_the_later_steps_on_a_gpu_are_in_their_table():
    page = (ROOT / 'docs/benchmarks.md').read_text()
    path = ROOT / 'docs/tables/training-steps-h200-27-november.json'
    rows = json.loads(path.read_text())['rows']
    part = page.split('### With the measures of 27 November')[1].split('\n## ')[0]
    lines = [line for line in part.splitlines() if line.count('|') == 10][2:]
    for line, row in zip(lines, rows, strict=True):
        keys = ('images_per_s', 'peak_gib', 'kernel_ms', 'launches', 'waits')
        shown = ' | '.join(f'{row[key]:,}' for key in keys)
        assert f'| {row["ms"]} ' in line and line.endswith(f'| {shown} |')


def test_the_page_of_benchmarks_has_the_rows_of_make_bench_and_of_the_samples():
    page = (ROOT / 'docs/benchmarks.md').read_text()
    for row in read_json(ROOT / 'docs/tables/bench-cpu.json')['rows']:
        ratios = f'{row["ratio"]:.2f} ({row["low"]:.2f} to {row["high"]:.2f})'
        line = (
            f'| {row["part"]}: {row["way"]} | {row["ms"]:.2f} | {ratios} | {row["peak_mib"]:.1f} |'
        )
        assert line in page
    samples = read_json(ROOT / 'docs/tables/samples-cpu.json')
    part = page.split('## Loading a sample')[1].split('\n## ')[0]
    for times in (samples['milliseconds'], samples['milliseconds_before']):
        assert all(f' {ms:.2f} |' in part for ms in times.values() if not isinstance(ms, str))


def test_tests_and_options_of_as_released_that_a_difference_names_exist():
    page = (ROOT / 'docs/differences.md').read_text()
    rows = [line.strip('| ').split(' | ') for line in page.splitlines() if line.startswith('| ')]
    rows = [row for row in rows if row[0] not in ('released', '---')]
    assert len(rows) > 40 and {len(row) for row in rows} == {5}
    named = {name for row in rows for name in row[4].split(', ') if name != '–'}
    assert not [name for name in named if not (ROOT / 'tests' / name).exists()]
    # The options that the page mentions for as-released are set in such a config.
    configs = [path.read_text() for path in ROOT.glob('configs/**/*as-released*.py')]
    text = '\n'.join(configs)
    options = re.findall(r'`(\w+)=[^`]*` in `as-released`', page)
    assert len(options) >= 6
    assert not [name for name in options if f'{name}=' not in text]


def test_the_page_of_the_architecture_names_existing_files_and_layers():
    page = (ROOT / 'docs/architecture.md').read_text()
    files = set(re.findall(r'`((?:\w+/)*\w+\.py)`', page))
    assert len(files) > 25
    assert all((ROOT / n).is_file() or (ROOT / 'depthda' / n).is_file() for n in files)
    contract = (ROOT / 'pyproject.toml').read_text().split('\nlayers = [')[1].split('\n]')[0]
    table = page.split('## Layers')[1].split('## To change')[0]
    layers = [re.findall(r'\w+', line) for line in re.findall(r'"(.*)"', contract)]
    rows = [re.findall(r'`(\w+)`', row.split('|')[1]) for row in table.splitlines() if '| `' in row]
    assert len(rows) == len(layers)
    for row, layer in zip(rows, layers, strict=True):
        assert row and set(row) <= set(layer)


def test_the_commands_of_the_page_on_reproducing_exist():
    text = (ROOT / 'docs/reproduce.md').read_text()
    commands = [line.split() for line in text.splitlines() if line.startswith('depthda ')]
    assert len(commands) == 9
    rows = {row.name for row in load_table(ROOT / 'configs/tables/loveda-u2r.py').rows}
    for _, name, *words in commands:
        module = import_module(f'depthda.commands.{name.replace("-", "_")}')
        parser = tool_parser(name, module.__doc__)
        module.add_arguments(parser)
        args = vars(parser.parse_args(words))
        configs = [args.get('config'), *(args.get('configs') or ()), *(args.get('tables') or ())]
        assert all(find_config(config).is_file() for config in configs if config)
        assert set(args.get('only') or ()) <= rows


def test_a_model_adapts_with_the_lines_of_the_page(tmp_path):
    page = (ROOT / 'docs/adaptation.md').read_text()
    (lines,) = re.findall(r'```python\n(_base_ = .*?)```', page, re.DOTALL)
    own = ROOT / 'configs/sample/depthda_tiny_u2r.py'
    (tmp_path / 'my_model.py').write_text(f'_base_ = [{str(own)!r}]\n')
    (tmp_path / 'adapted.py').write_text(lines)
    cfg, plain = load_config(tmp_path / 'adapted.py'), load_config(own)
    assert cfg.model.segmentor == plain.model and cfg.model.type == 'DomainAdaptation'
    pair = cfg.train_dataloader.dataset
    assert pair.source.dataset == plain.train_dataloader.dataset
    assert (pair.target.domain, pair.target.depth) == ('Rural', 'rdepth/synthetic')


def test_the_costs_of_adaptation_are_those_measured():
    page = (ROOT / 'docs/adaptation.md').read_text()
    rows = json.loads((ROOT / 'docs/tables/adaptation-steps-cpu.json').read_text())['rows']
    ms = {Path(row['config']).stem: row['ms'] for row in rows}
    networks = ('upernet-tiny_u2r', 'depthda-tiny_u2r', 'mit-b5_1xb2-40k_loveda-u2r-512x512')
    bases = ('upernet_tiny_u2r', 'depthda_tiny_u2r', f'daformer_{networks[2]}')
    # The baseline of MiT-B5 has the name of DAFormer's config, and comes first.
    first = {Path(row['config']).stem: row['ms'] for row in reversed(rows)}
    methods = {'DAFormer': 'daformer', 'MIC': 'mic', 'AdaptSegNet': 'adaptsegnet'}
    methods |= {'CBST, after its warm-up': 'cbst'}
    methods['depth-guided self-training'] = 'depth-guided-self-training'
    for title, method in methods.items():
        (shown,) = re.findall(
            rf'^\| {title} \| ([–\d.]+) \| ([–\d.]+) \| ([–\d.]+) \|$', page, re.M
        )
        for cell, network, base in zip(shown, networks, bases, strict=True):
            key = f'{method}_{network}'
            if cell == '–':
                assert key not in ms
            else:
                assert float(cell) == round(ms[key] / first[base], 1), (title, network)


def test_the_page_of_costs_has_its_table_and_its_measurements():
    page = (ROOT / 'docs/cost.md').read_text()
    assert (ROOT / 'docs/tables/cost.md').read_text().strip() in page
    (test,) = read_json(ROOT / 'docs/tables/half-test.json')
    for share, text in ((test['equal'], '99.75 %'), (test['equal_if_clear'], '99.995 %')):
        digits = len(text.split('.')[1].split()[0])
        assert f'{100 * share:.{digits}f} %' == text and text in page
    assert f'{test["miou_bf16"]:.2f} instead of {test["miou_fp32"]:.2f}' in page
    runs = read_json(ROOT / 'docs/tables/half-parts.json')['runs']
    for config in dict.fromkeys(run['config'] for run in runs):
        of_config = [run for run in runs if run['config'] == config]
        half, autocast = (sum(run[key] for run in of_config) for key in ('half_parts', 'autocast'))
        assert len(of_config) == 3 and f'{100 * (half / autocast - 1):+.1f} %' in page
