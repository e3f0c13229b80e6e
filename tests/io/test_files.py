import errno
import itertools
import json
import os
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from refusals import refusal

from depthda.errors import UserError
from depthda.io.files import atomic_path, read_json, remove_strays, walk, write_json


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / 'new' / 'result.json'
    write_json(path, {'a': 1})
    assert json.loads(path.read_text()) == {'a': 1}

    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text('half of')
        raise RuntimeError
    assert json.loads(path.read_text()) == {'a': 1}
    assert os.listdir(path.parent) == ['result.json']
    with pytest.raises(FileNotFoundError), atomic_path(path):  # not blamed on the disk
        Path(tmp_path / 'absent').read_text()


def test_results_have_the_usual_permissions_and_no_nan(tmp_path):
    (tmp_path / 'plain').touch()
    write_json(tmp_path / 'written', {})
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ('plain', 'written')}
    assert len(modes) == 1
    with pytest.raises(ValueError, match='[Nn]a[Nn]|JSON compliant'):
        write_json(tmp_path / 'x.json', {'miou': float('nan')})
    assert not (tmp_path / 'x.json').exists()


def test_only_the_temporary_files_of_a_killed_run_are_removed(tmp_path):
    names = ['result.json', '.hidden', '.git-12345678x', '.a-1234567', '.A-ABCDEFGH', 'a-12345678']
    for name in names:
        (tmp_path / name).touch()
    unfinished = []
    for name in ('2_10.png', 'no-suffix', 'x' * 99 + '.png', 'a.b-c.json', 'line\n.png'):
        (tmp_path / 'below').mkdir(exist_ok=True)
        for folder in (tmp_path, tmp_path / 'below'):
            waiting = atomic_path(folder / name)
            waiting.__enter__()  # and never left, as when the process is killed
            unfinished.append(waiting)
    assert len(os.listdir(tmp_path)) == len(names) + 5 + 1
    remove_strays(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*names, 'below'])
    assert len(os.listdir(tmp_path / 'below')) == 5
    remove_strays(tmp_path / 'nowhere')


@pytest.mark.parametrize(
    'size, space',
    [
        (85_000_000, 'it needs 85.0 MB and only 12.0 MB are free'),
        (5_000_000, 'it needs 5.0 MB and 12.0 MB are free'),  # a quota, perhaps
        (None, '12.0 MB are free'),
    ],
)
def test_the_message_about_a_full_disk_names_the_file_and_the_space(
    tmp_path, monkeypatch, size, space
):
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr('shutil.disk_usage', lambda path: usage(12_000_000))
    path = tmp_path / 'iter_2.pth'
    path.write_text('complete')
    with pytest.raises(UserError) as caught, atomic_path(path, size):
        raise OSError(errno.ENOSPC, 'No space left on device')
    assert str(caught.value) == (
        f'{path} cannot be written (No space left on device), {space}: make room and run again'
    )
    assert path.read_text() == 'complete' and os.listdir(tmp_path) == ['iter_2.pth']


def test_paths_that_cannot_be_files_are_refused(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'file/x\.json cannot be written \(.*\): choose another'):
        write_json(tmp_path / 'file' / 'x.json', {})
    assert (
        refusal(write_json, tmp_path, {})
        == f'{tmp_path} is a folder: choose a file name, such as {tmp_path}/NAME'
    )


def test_the_error_names_a_damaged_json_file(tmp_path):
    path = tmp_path / 'manifest.json'
    assert read_json(path) is None
    for content in (b'{"classes": [', b'\xff\xfe', b''):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r'manifest\.json cannot be read as JSON \('):
            read_json(path)


def test_links_are_followed_but_not_in_cycles(tmp_path):
    for name in ('set/a/x', 'set/b', 'elsewhere/deep'):
        (tmp_path / name).mkdir(parents=True)
    for link, target in (
        ('set/out', 'elsewhere'),
        ('set/twice', 'elsewhere'),
        ('set/a/x/up', 'set'),
        ('set/a/other', 'set/b'),
        ('set/b/back', 'set/a'),
        ('elsewhere/deep/home', 'set'),
        ('set/b/all', '.'),
    ):
        (tmp_path / link).symlink_to(tmp_path / target)
    visits = itertools.islice(walk(tmp_path / 'set'), 50)  # without end if cycles were followed
    folders = [os.path.relpath(folder, tmp_path / 'set') for folder, _, _ in visits]
    inside = ['.', 'a', 'a/other', 'a/x', 'b', 'b/back', 'b/back/x']
    assert sorted(folders) == [*inside, 'out', 'out/deep', 'twice', 'twice/deep']
