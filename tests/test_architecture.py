"""The package keeps to its layers, and the check finds imports that violate them."""

import ast
import re
from collections import defaultdict
from itertools import combinations, permutations
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.layers import LayersContract

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'depthda'
(OPTIONS,) = read_configuration(str(ROOT / 'pyproject.toml'))['contracts_options']
# From the top down. A layer is a list of groups that must not import each other; modules of one
# group may import each other.
LAYERS = [
    [group.replace(' ', '').split(':') for group in layer.split('|')] for layer in OPTIONS['layers']
]


def forbidden_imports():
    """Yield the pair (importer, imported) of every import that the layers forbid."""
    for above, below in combinations(LAYERS, 2):
        for low in [name for group in below for name in group]:
            yield from ((low, high) for group in above for high in group)
    for layer in LAYERS:
        for group, other in permutations(layer, 2):
            yield from ((a, b) for a in group for b in other)


@pytest.fixture(scope='module')
def graph():
    return grimp.build_graph('depthda', cache_dir=None)


@pytest.fixture(scope='module')
def contract():
    session = {'root_packages': ['depthda']}
    return LayersContract(name='layers', session_options=session, contract_options=OPTIONS)


def test_no_module_imports_from_a_layer_above_it(graph, contract):
    assert contract.check(graph, verbose=False).kept


@pytest.mark.parametrize('importer, imported', list(forbidden_imports()))
def test_a_forbidden_import_is_found(graph, contract, importer, imported):
    pair = dict(importer=f'depthda.{importer}', imported=f'depthda.{imported}')
    graph.add_import(**pair)
    try:
        assert not contract.check(graph, verbose=False).kept
    finally:
        graph.remove_import(**pair)


def test_a_new_module_needs_a_layer(graph, contract):
    graph.add_module('depthda.unplaced')
    try:
        assert not contract.check(graph, verbose=False).kept
    finally:
        graph.remove_module('depthda.unplaced')


def test_the_package_does_not_import_the_tools_or_the_tests():
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ''] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split('.')[0] for name in names} & {'tools', 'tests'}, path


def test_class_names_are_unique():
    files = defaultdict(list)
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in files.items() if len(paths) > 1} == {}


@pytest.mark.parametrize('folder', ['depthda', 'tools'])
def test_files_and_functions_are_short(folder):
    long = []
    for path in (ROOT / folder).rglob('*.py'):
        text = path.read_text()
        name = path.relative_to(ROOT).as_posix()
        long += [name] if len(text.splitlines()) > 300 else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60:
                long.append(f'{name}: {node.name}')
    assert long == []


def test_the_modules_of_the_layers_exist():
    names = {re.sub(r'\.py$', '', path.name) for path in PACKAGE.iterdir()} - {'__pycache__'}
    assert {name for layer in LAYERS for group in layer for name in group} <= names
