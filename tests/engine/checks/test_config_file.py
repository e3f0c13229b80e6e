import sys

import pytest
from refusals import refusal

from depthda.engine.checks.config_file import read_config, read_table
from depthda.engine.prepare import load_config
from depthda.errors import UserError


@pytest.fixture
def error_of(tmp_path):
    """Return a function that writes files, reads ``a.py`` and returns the error without folders."""

    def read(**files: str) -> str:
        for name, text in files.items():
            (tmp_path / f'{name}.py').write_text(text)
        return refusal(read_config, tmp_path / 'a.py').replace(f'{tmp_path}/', '')

    return read


@pytest.mark.parametrize(
    'text, expected',
    [
        ('x = 1\ny = (2\nz = 3\n', "line 2: SyntaxError: '(' was never closed"),
        ('x = 1\ny == = 2\n', 'line 2: SyntaxError: invalid syntax'),
        ('x = 1\ny = foo\n', "line 2: NameError: name 'foo' is not defined"),
        ("x = dict(a=1)\n\ny = x['b']\n", 'line 3: KeyError: b'),
        # The error names the line of the config that called f, not the line inside f.
        ("def f(x):\n    return x['a']\n\ny = f({})\n", 'line 4: KeyError: a'),
    ],
)
def test_an_error_in_a_config_names_its_file_and_line(error_of, text, expected):
    assert error_of(a=text) == f'a.py, {expected}; correct the config.'


@pytest.mark.parametrize(
    'base, expected',
    [
        ('z = 2\ndef\n', 'b.py, line 2: SyntaxError: invalid syntax'),
        ('z = 2\n\nk = 1 / 0\n', 'b.py, line 3: ZeroDivisionError: division by zero'),
        ('z = [2]\n', 'a.py: TypeError: z={'),
    ],
)
def test_an_error_in_a_base_names_the_base(error_of, base, expected):
    assert error_of(a="_base_ = './b.py'\nz = dict(a=1)\n", b=base).startswith(expected)


def test_a_missing_base_and_a_missing_name_in_a_base_are_reported(error_of):
    assert error_of(a="_base_ = './c.py'\n") == (
        'a.py: FileNotFoundError: No such file or directory: ./c.py; correct the config.'
    )
    assert error_of(a="_base_ = './b.py'\nx = {{_base_.foo}}\n", b='z = 1\n') == (
        'a.py: KeyError: foo; correct the config.'
    )


def test_an_error_in_custom_imports_names_the_imported_file(error_of, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "custom_imports = dict(imports=['%s'], allow_failed_imports=False)\n"
    assert error_of(a=text % 'not_there') == (
        "a.py: custom_imports, ModuleNotFoundError: No module named 'not_there'; correct the "
        'config.'
    )
    assert error_of(a=text % 'my_layers', my_layers='x = 1\nimport not_there\n') == (
        "my_layers.py, line 2: custom_imports, ModuleNotFoundError: No module named 'not_there'; "
        'correct the config.'
    )
    assert error_of(a=text % 'my_heads', my_heads='x = 1\n\ndef\n') == (
        'my_heads.py, line 3: SyntaxError: invalid syntax; correct the config.'
    )


@pytest.mark.parametrize('value', ["['layers']", "dict(modules=['layers'])"])
def test_custom_imports_in_a_wrong_form_are_refused(error_of, value):
    assert error_of(a=f'custom_imports = {value}\n') == (
        "a.py: write custom_imports=dict(imports=['package.module']); correct the config."
    )


def test_a_table_given_as_a_config_is_refused(error_of, tmp_path):
    assert error_of(a='from b import columns\n\nrows = []\n', b='columns = []\n') == (
        'a.py is a table, not a config: use depthda run-experiments a.py.'
    )


def test_load_config_reports_broken_json(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"a": 1,}')
    with pytest.raises(UserError, match=r'a\.json: JSONDecodeError: Expecting property name'):
        load_config(path)


def test_tables_in_two_folders_each_import_from_their_own_folder(tmp_path):
    before = sys.path[:], set(sys.modules)
    for name in ('one', 'two'):
        (tmp_path / name / '_base_').mkdir(parents=True)
        (tmp_path / name / '_base_/shared.py').write_text(f'rows = [{name!r}]\n')
        (tmp_path / name / 'table.py').write_text('from _base_.shared import rows\n')
    for name in ('one', 'two'):
        assert read_table(tmp_path / name / 'table.py')['rows'] == [name]
    assert (sys.path, set(sys.modules)) == before


def test_an_error_in_a_module_that_a_table_imports_names_that_module(tmp_path):
    (tmp_path / 'shared.py').write_text('x = 1\ny = z\n')
    (tmp_path / 'table.py').write_text('import shared\n')
    assert refusal(read_table, tmp_path / 'table.py') == (
        f"{tmp_path}/shared.py, line 2: NameError: name 'z' is not defined; correct the table."
    )
