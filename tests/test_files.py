import json
import os
import stat

import pytest

from depthda.files import atomic_path, remove_strays, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'result.json'
    write_json(path, {'a': 1})
    assert json.loads(path.read_text()) == {'a': 1}

    with pytest.raises(RuntimeError), atomic_path(path) as beside:
        beside.write_text('half of')
        raise RuntimeError
    assert json.loads(path.read_text()) == {'a': 1}
    assert os.listdir(path.parent) == ['result.json']


def test_results_are_readable_by_others_as_usual(tmp_path):
    (tmp_path / 'plain').touch()
    write_json(tmp_path / 'ours', {})
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ('plain', 'ours')}
    assert len(modes) == 1


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match='[Nn]a[Nn]|JSON compliant'):
        write_json(tmp_path / 'x.json', {'miou': float('nan')})
    assert not (tmp_path / 'x.json').exists()


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path):
    names = ['result.json', '.hidden', '.git-12345678x', '.a-1234567', '.A-ABCDEFGH', 'a-12345678']
    for name in names:
        (tmp_path / name).touch()
    beside = []
    for name in ('2_10.png', 'no-suffix', 'x' * 99 + '.png', 'a.b-c.json', 'line\n.png'):
        (tmp_path / 'below').mkdir(exist_ok=True)
        for folder in (tmp_path, tmp_path / 'below'):
            waiting = atomic_path(folder / name)
            waiting.__enter__()  # and never left, as when the process is killed
            beside.append(waiting)
    assert len(os.listdir(tmp_path)) == len(names) + 5 + 1
    remove_strays(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*names, 'below'])
    assert len(os.listdir(tmp_path / 'below')) == 5
    remove_strays(tmp_path / 'below', 'a.b-c.json')
    assert not [name for name in os.listdir(tmp_path / 'below') if name.startswith('.a.b-c')]
    assert len(os.listdir(tmp_path / 'below')) == 4
    remove_strays(tmp_path / 'nowhere')
