"""Generated configs are up to date, and the header of each config describes it."""

import ast
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
sys.path.append(str(CONFIGS))  # generate.py imports the files next to it
GENERATE = runpy.run_path(str(CONFIGS / 'generate.py'))
GENERATED = GENERATE['leaves']()
FILES = sorted(CONFIGS.rglob('*.py'))
LEAVES = [
    path for path in CONFIGS.glob('[!_]*/**/*.py') if path.relative_to(CONFIGS).parts[0] != 'tables'
]


def check(root: Path) -> tuple[int, list[str]]:
    command = [sys.executable, str(root / 'generate.py'), '--check']
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


def test_generated_configs_are_up_to_date():
    assert len(GENERATED) > 60 and check(CONFIGS) == (0, [])
    assert len(FILES) - len(GENERATED) <= 200  # written by hand


def test_changed_missing_and_extra_files_are_found(tmp_path):
    root = tmp_path / 'configs'
    shutil.copytree(CONFIGS, root)
    changed, missing, *_ = GENERATED
    (root / changed).write_text(GENERATED[changed].replace('Urban', 'Rural'))
    (root / missing).unlink()
    extra = root / 'sample/extra.py'
    extra.write_text(f'# A model.\n{GENERATE["MARK"]}\n')
    names = sorted([changed, missing, 'sample/extra.py'])
    assert check(root) == (1, [f'not up to date: configs/{name}' for name in names])
    subprocess.run([sys.executable, str(root / 'generate.py')], check=True)
    assert check(root) == (1, ['not up to date: configs/sample/extra.py'])


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_the_first_line_describes_the_file(path):
    first = path.read_text().splitlines()[0]
    assert re.match(r'# ([^a-z]|mmseg|ablates: |of: )|"""[A-Z]', first), first


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_a_command_in_a_header_names_its_own_file_and_files_of_bases_alone_are_generated(path):
    text, name = path.read_text(), path.relative_to(CONFIGS).as_posix()
    assert name in GENERATED or len(ast.parse(text).body) > 1
    header = text[: text.index('_base_')] if '_base_' in text else text
    commands = re.findall(r'python tools/train\.py(?: \\\n#)?\s+(\S+)', header)
    if commands:
        assert commands[0] == path.relative_to(ROOT).as_posix()
    else:  # ablations and variants name the config that they change
        assert name not in GENERATED or '/ablations/' in name


def test_figures_in_headers_agree_with_the_tables_of_the_papers(monkeypatch):
    from depthda.experiments.tables.table import load_table

    monkeypatch.chdir(ROOT)
    printed = {}
    for name in ('loveda-u2r', 'loveda-r2u', 'depthseg-table1', 'drdg_potsdam2vaihingen'):
        table = load_table(f'configs/tables/{name}.py')
        column = [column.key for column in table.columns].index('mIoU')
        for row in table.rows:
            config = row.config or (row.steps[0].train if row.steps else None)
            if config and row.paper and row.name not in ('rdg-2', 'drdg-2'):
                printed.setdefault(config, row.paper[column])
    checked = 0
    for path in LEAVES:
        header = path.read_text().split('_base_')[0].replace('\n# ', ' ')
        mark = r'[Tt]he (?:\w+ )?paper(?: \(Table II\))? reports (\d+\.\d+) mIoU'
        for figure in re.findall(mark, header):
            config = path.relative_to(ROOT).as_posix()
            # The header of a local-protocol config repeats the score on the server.
            server = re.sub(r'(loveda-\w+)-512', r'\1-server-512', config)
            assert float(figure) == printed.get(config, printed.get(server)), config
            checked += 1
    assert checked == 10 * 2 + 6 + 3  # LoveDA, LiuZhou, ISPRS


def test_the_readme_names_existing_files():
    page = (CONFIGS / 'README.md').read_text()
    table = page.split('## Which')[1].split('## How')[0]
    names = re.findall(r'`([\w/.-]+\.py)`', table)
    assert len(names) >= 10 and all((CONFIGS / name).is_file() for name in names)
    links = re.findall(r'\]\(([\w./-]+)(?:#[\w-]+)?\)', page)
    assert links and all((CONFIGS / link).exists() for link in links)
    old = re.findall(r'`(?:tables/)(depthseg-[\w]+)\.py`', page)
    assert old == ['depthseg-1', 'depthseg-2', 'depthseg-table1', 'depthseg-table2']
