import json
import os
import stat

import pytest

from depthda.files import atomic_path, write_json


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
