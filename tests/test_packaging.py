"""Wheels and editable installs have every config, the console command and all dependencies."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
BUILD = 'from setuptools import build_meta; build_meta.{}({!r})'
# The import names of distributions, where they differ.
IMPORTED = {'onedl-mmcv': 'mmcv', 'onedl-mmengine': 'mmengine', 'onedl-mmsegmentation': 'mmseg'}
IMPORTED |= {'opencv-python': 'cv2', 'pillow': 'PIL', 'huggingface-hub': 'huggingface_hub'}


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> Path:
    """Copy the files of a build, because a build writes files to its source folder."""
    copy = tmp_path_factory.mktemp('checkout')
    for name in ('pyproject.toml', 'setup.py', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, copy)
    for name in ('depthda', 'configs'):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns('__pycache__'))
    return copy


def build(checkout: Path, kind: str) -> Path:
    """Build and unpack what pip would install; return the folder."""
    out = checkout.parent / kind
    out.mkdir(exist_ok=True)
    script = BUILD.format(kind, str(out))
    subprocess.run([sys.executable, '-c', script], cwd=checkout, check=True, capture_output=True)
    (wheel,) = out.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / 'site')
    return out / 'site'


@pytest.fixture(scope='module')
def installed(checkout) -> Path:
    return build(checkout, 'build_wheel')


def files(folder: Path) -> dict[str, bytes]:
    paths = [path.relative_to(folder) for path in folder.rglob('*') if path.is_file()]
    return {str(p): (folder / p).read_bytes() for p in paths if '__pycache__' not in p.parts}


def run(site: Path, folder: Path, *arguments: str) -> str:
    """Run the console command of the package in ``site`` from ``folder``."""
    command = [sys.executable, '-m', 'depthda', *arguments]
    environment = {**os.environ, 'PYTHONPATH': str(site)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_contains_the_package_and_every_config(installed, tmp_path):
    assert files(installed / 'depthda' / 'configs') == files(ROOT / 'configs')
    package = files(installed / 'depthda')
    assert {name: package[name] for name in files(ROOT / 'depthda')} == files(ROOT / 'depthda')
    (entry,) = installed.glob('*.dist-info/entry_points.txt')
    assert entry.read_text() == '[console_scripts]\ndepthda = depthda.main:run_console\n'
    # It works outside a checkout.
    listed = run(installed, tmp_path, 'configs', 'tiny', 'both-domains')
    assert listed.startswith('sample/depthda_tiny_u2r-both-domains  ')
    small = ('--size', '64', '--train', '2', '--val', '0', '--test', '1')
    assert '6 tiles written' in run(installed, tmp_path, 'sample', 'data/sample', *small)
    table = run(installed, tmp_path, 'run-experiments', 'tables/synthetic-mechanisms', '--dry-run')
    assert '56 of 56 runs would be done' in table


def test_an_editable_install_refers_to_the_checkout(checkout):
    site = build(checkout, 'build_editable')
    (finder,) = site.glob('__editable__*.py')
    assert f"'depthda': {str(checkout / 'depthda')!r}" in finder.read_text()
    # In a checkout, the configs are next to the package.
    listed = run(checkout, site, 'configs')
    configs = [path for path in (ROOT / 'configs').glob('*/**/*.py') if '_base_' not in path.parts]
    assert len(listed.splitlines()) == len(configs)


def test_exactly_the_imported_libraries_are_declared(installed):
    (metadata,) = installed.glob('*.dist-info/METADATA')
    lines = Parser().parsestr(metadata.read_text()).get_all('Requires-Dist')
    required = [requirement for requirement in map(Requirement, lines) if not requirement.marker]
    declared = {IMPORTED.get(requirement.name, requirement.name) for requirement in required}
    imported = set()
    for path in (ROOT / 'depthda').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split('.')[0])
    assert imported - {*sys.stdlib_module_names, 'depthda'} == declared
