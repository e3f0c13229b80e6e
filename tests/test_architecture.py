"""The package keeps to its layers, and the check finds imports that violate them."""

import ast
import copy
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.layers import LayersContract

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'depthda'
TREES = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob('*.py')}
(OPTIONS,) = read_configuration(str(ROOT / 'pyproject.toml'))['contracts_options']
# The layers from the top down. A layer is a list of groups that must not import each other, and a
# group is a list of modules that may.
LAYERS = [
    [group.replace(' ', '').split(':') for group in layer.split('|')] for layer in OPTIONS['layers']
]


def forbidden_imports():
    """Yield the pair (importer, imported) of every import that the layers forbid."""
    for above, below in combinations(LAYERS, 2):
        for low in [name for group in below for name in group]:
            yield from ((low, high) for group in above for high in group)
    for layer in LAYERS:
        for one, other in combinations(layer, 2):
            yield from ((a, b) for x, y in ((one, other), (other, one)) for a in x for b in y)


@pytest.fixture(scope='module')
def graph():
    return grimp.build_graph('depthda', cache_dir=None)


@pytest.fixture(scope='module')
def contract():
    session = {'root_packages': ['depthda']}
    return LayersContract(name='layers', session_options=session, contract_options=OPTIONS)


def test_no_package_imports_from_a_layer_above_it_and_a_new_module_needs_a_layer(graph, contract):
    assert contract.check(graph, verbose=False).kept
    larger = copy.deepcopy(graph)
    larger.add_module('depthda.unplaced')
    assert not contract.check(larger, verbose=False).kept


@pytest.mark.parametrize('importer, imported', list(forbidden_imports()))
def test_a_forbidden_import_is_found(graph, contract, importer, imported):
    pair = dict(importer=f'depthda.{importer}', imported=f'depthda.{imported}')
    graph.add_import(**pair)
    try:
        assert not contract.check(graph, verbose=False).kept
    finally:
        graph.remove_import(**pair)


def test_nothing_imports_the_tools_or_the_tests_and_class_names_are_unique():
    classes = Counter()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ''] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split('.')[0] for name in names} & {'tools', 'tests'}, path
            classes.update([node.name] if isinstance(node, ast.ClassDef) else [])
    assert [name for name, count in classes.items() if count > 1] == []


def test_files_and_functions_are_short():
    files = [*(ROOT / 'tools').glob('*.py'), *(ROOT / 'docs/scripts').glob('*.py')]
    tools = {path: ast.parse(path.read_text()) for path in files}
    for path, tree in (TREES | tools).items():
        assert len(path.read_text().splitlines()) <= 300, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, (path, node.name)


def test_the_modules_of_the_layers_exist():
    names = {re.sub(r'\.py$', '', path.name) for path in PACKAGE.iterdir()} - {'__pycache__'}
    assert {name for layer in LAYERS for group in layer for name in group} <= names
