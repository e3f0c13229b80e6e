import sys

import pytest

from depthda.engine.checks.config_file import read_config, read_table
from depthda.engine.prepare import load_config
from depthda.errors import UserError


@pytest.fixture
def mistake(tmp_path):
    """Write files, read ``a.py`` or the only one, and give the sentence without the folder."""

    def read(**files: str) -> str:
        for name, text in files.items():
            (tmp_path / f'{name}.py').write_text(text)
        with pytest.raises(UserError) as caught:
            read_config(tmp_path / 'a.py')
        return str(caught.value).replace(f'{tmp_path}/', '')

    return read


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('x = 1\ny = (2\nz = 3\n', "line 2: SyntaxError: '(' was never closed"),
        ('x = 1\ny == = 2\n', 'line 2: SyntaxError: invalid syntax'),
        ('x = 1\ny = foo\n', "line 2: NameError: name 'foo' is not defined"),
        ("x = dict(a=1)\n\ny = x['b']\n", 'line 3: KeyError: b'),
        # The module-level line is reported, not the one inside the function that it called.
        ("def f(x):\n    return x['a']\n\ny = f({})\n", 'line 4: KeyError: a'),
    ],
)
def test_a_mistake_in_a_config_has_its_file_and_line(mistake, text, sentence):
    assert mistake(a=text) == f'a.py, {sentence}; correct the config.'


@pytest.mark.parametrize(
    'base, sentence',
    [
        ('z = 2\ndef\n', 'b.py, line 2: SyntaxError: invalid syntax'),
        ('z = 2\n\nk = 1 / 0\n', 'b.py, line 3: ZeroDivisionError: division by zero'),
        ('z = [2]\n', 'a.py: TypeError: z={'),
    ],
)
def test_a_mistake_in_a_base_is_the_base_s(mistake, base, sentence):
    assert mistake(a="_base_ = './b.py'\nz = dict(a=1)\n", b=base).startswith(sentence)


def test_a_base_that_is_not_there_and_one_without_the_name(mistake):
    assert mistake(a="_base_ = './c.py'\n") == (
        'a.py: FileNotFoundError: No such file or directory: ./c.py; correct the config.'
    )
    assert mistake(a="_base_ = './b.py'\nx = {{_base_.foo}}\n", b='z = 1\n') == (
        'a.py: KeyError: foo; correct the config.'
    )


def test_custom_imports_say_what_fails_inside_them(mistake, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "custom_imports = dict(imports=['%s'], allow_failed_imports=False)\n"
    assert mistake(a=text % 'not_there') == (
        "a.py: custom_imports, ModuleNotFoundError: No module named 'not_there'; correct the "
        'config.'
    )
    assert mistake(a=text % 'my_layers', my_layers='x = 1\nimport not_there\n') == (
        "my_layers.py, line 2: custom_imports, ModuleNotFoundError: No module named 'not_there'; "
        'correct the config.'
    )
    assert mistake(a=text % 'my_heads', my_heads='x = 1\n\ndef\n') == (
        'my_heads.py, line 3: SyntaxError: invalid syntax; correct the config.'
    )


@pytest.mark.parametrize('value', ["['layers']", "dict(modules=['layers'])"])
def test_custom_imports_of_another_form(mistake, value):
    assert mistake(a=f'custom_imports = {value}\n') == (
        "a.py: write custom_imports=dict(imports=['package.module']); correct the config."
    )


def test_a_table_is_not_read_as_a_config(mistake, tmp_path):
    assert mistake(a='from b import columns\n\nrows = []\n', b='columns = []\n') == (
        'a.py is a table, not a config: run it with depthda run-experiments a.py.'
    )


def test_json_and_the_tools_way_in(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"a": 1,}')
    with pytest.raises(UserError, match=r'a\.json: JSONDecodeError: Expecting property name'):
        load_config(path)


def test_a_table_imports_from_its_own_folder_only_for_itself(tmp_path):
    before = sys.path[:], set(sys.modules)
    for name in ('one', 'two'):
        (tmp_path / name / '_base_').mkdir(parents=True)
        (tmp_path / name / '_base_/shared.py').write_text(f'rows = [{name!r}]\n')
        (tmp_path / name / 'table.py').write_text('from _base_.shared import rows\n')
    for name in ('one', 'two'):
        assert read_table(tmp_path / name / 'table.py')['rows'] == [name]
    assert (sys.path, set(sys.modules)) == before


def test_a_mistake_in_what_a_table_imports_has_its_own_place(tmp_path):
    (tmp_path / 'shared.py').write_text('x = 1\ny = z\n')
    (tmp_path / 'table.py').write_text('import shared\n')
    with pytest.raises(UserError) as caught:
        read_table(tmp_path / 'table.py')
    assert str(caught.value) == (
        f"{tmp_path}/shared.py, line 2: NameError: name 'z' is not defined; correct the table."
    )
