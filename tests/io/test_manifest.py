import json

import pytest
from refusals import refusal

from depthda.errors import UserError
from depthda.io import manifest as module
from depthda.io.manifest import NAME, UNFINISHED, ResumableFolder


class Tiles(ResumableFolder):
    """A folder of tiles with an entry per scene in its manifest."""

    parts = 'scenes'
    keys = ('settings', 'scenes')
    kind = 'tiles'


def tiles(root, **settings):
    return Tiles(root, {'settings': {'tile': 8} | settings, 'scenes': {}, 'splits': None})


def started(root):
    folder = tiles(root)
    folder.write()
    (root / 'images').mkdir()
    (root / 'images/a_0.png').touch()
    return folder


def test_a_part_is_done_if_entered_with_the_same_identity(tmp_path):
    folder = started(tmp_path)
    assert not folder.is_done('a', {'bytes': 3})
    folder.enter('a', {'bytes': 3, 'tiles': 1})
    assert folder.is_done('a', {'bytes': 3}) and not folder.is_done('a', {'bytes': 4})
    assert not folder.is_done('a', {'hash': 'x'})


def test_until_the_run_finishes_the_manifest_has_another_name(tmp_path):
    folder = started(tmp_path)
    folder.enter('b', {'tiles': 2})
    folder.enter('a', {'tiles': 1})
    assert (tmp_path / UNFINISHED).is_file() and not (tmp_path / NAME).exists()
    folder.finish(splits={'train': 3})
    assert not (tmp_path / UNFINISHED).exists()
    content = json.loads((tmp_path / NAME).read_text())
    scenes = {'a': {'tiles': 1}, 'b': {'tiles': 2}}
    assert content == {'settings': {'tile': 8}, 'scenes': scenes, 'splits': {'train': 3}}
    assert [*content, *content['scenes']] == ['settings', 'scenes', 'splits', 'a', 'b']
    folder.write()
    assert (tmp_path / UNFINISHED).is_file() and not (tmp_path / NAME).exists()


def test_entries_are_written_every_few_seconds(tmp_path, monkeypatch):
    now = 1e6
    monkeypatch.setattr(module.time, 'monotonic', lambda: now)
    folder = started(tmp_path)
    folder.enter('a', {'tiles': 1})
    assert tiles(tmp_path).open()['scenes'] == {}
    now += 6
    folder.enter('b', {'tiles': 2})
    assert tiles(tmp_path).open()['scenes'] == {'a': {'tiles': 1}, 'b': {'tiles': 2}}


def test_other_settings_are_refused_if_there_are_files(tmp_path):
    started(tmp_path)
    assert refusal(tiles(tmp_path, tile=9).open) == (
        f'{tmp_path} contains tiles with tile 8, but this run uses 9: choose another folder, or '
        'remove the existing one.'
    )
    with pytest.raises(UserError, match='with stride null, but this run uses 4'):
        tiles(tmp_path, stride=4).open()
    with pytest.raises(UserError, match=r'this run uses "x{119}…:'):
        tiles(tmp_path, tile='x' * 200).open()
    (tmp_path / 'images/a_0.png').unlink()
    assert tiles(tmp_path, tile=9).open() is None


def test_files_without_a_manifest_are_refused(tmp_path):
    assert tiles(tmp_path / 'new').open() is None and not (tmp_path / 'new').exists()
    (tmp_path / '.DS_Store').touch()
    (tmp_path / 'empty').mkdir()
    assert tiles(tmp_path).open() is None
    (tmp_path / 'empty/notes.txt').touch()
    with pytest.raises(UserError, match=r'contains other files \(notes.txt\), but no manifest'):
        tiles(tmp_path).open()


@pytest.mark.parametrize('name', [NAME, UNFINISHED])
@pytest.mark.parametrize(
    'content, message',
    [
        ('{"settings"', r'cannot be read as JSON \(.*\): choose another folder\.'),
        ('[]', 'is not a manifest of tiles: choose another folder'),
        ('{"settings": {}}', 'is not a manifest of tiles: choose another folder'),
    ],
)
def test_invalid_manifests_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f'{name} {message}'):
        tiles(tmp_path).open()


def test_a_run_that_fails_before_its_first_file_leaves_no_manifest(tmp_path):
    folder = tiles(tmp_path / 'a')
    with pytest.raises(KeyboardInterrupt), folder.abandoned_on_failure():
        folder.write()
        raise KeyboardInterrupt
    assert not list((tmp_path / 'a').iterdir())
    with pytest.raises(RuntimeError), started(tmp_path / 'b').abandoned_on_failure():
        raise RuntimeError
    assert (tmp_path / 'b' / UNFINISHED).is_file()


def test_temporary_files_are_removed_from_all_folders(tmp_path):
    folder = started(tmp_path)
    strays = [tmp_path / '.manifest-12345678.json', tmp_path / 'images/.a_0-abcdef01.png']
    for path in strays:
        path.touch()
    folder.remove_strays()
    assert not any(path.exists() for path in strays)
    assert sorted(path.name for path in folder.files()) == ['a_0.png']
