"""A prepared folder keeps its files; ``--replace`` removes obsolete ones and reports them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from prepared_files import every_file
from tiny_scenes import Scenes, write

from depthda.cli import user_errors
from depthda.datasets.pairing import Source, pair_by_stem
from depthda.errors import UserError
from depthda.preparation import cut
from depthda.preparation.folder import prepare_folder
from depthda.preparation.splits import Splits

# A fixed range: otherwise a run on other heights would be refused for its range, too early.
RANGE = dict(depth_range=(50.0, 400.0))


def contents(root):
    """Return every file, also hidden ones, with the time at which it was written."""
    paths = (path for path in sorted(root.rglob('*')) if path.is_file())
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in paths
    }


def names(root):
    return {name for name in contents(root) if name != '.lock'}


def add_maps(out, model='rdepth/model'):
    """Write a depth map for each image tile, as ``depthda depth`` does."""
    for image in (out / 'images').iterdir():
        write(out / model / f'{image.stem}.png', np.full((12, 12), 9, np.uint16))
    (out / model / 'depth_maps.json').write_text('{}')


@pytest.fixture
def prepared(tmp_path):
    """A prepared folder of 18 tiles with estimated depth, and the images of another dataset."""
    first, out = Scenes(tmp_path / 'first'), tmp_path / 'out'
    prepare_folder(out, first.settings(cut=RANGE))
    add_maps(out)
    other = Scenes(tmp_path / 'other', [(16, 16)], seed=7)
    for name, end in (('rgb', '_RGB.tif'), ('mask', '.png'), ('dsm', '_dsm.tif')):
        (other.root / name / f'town_0{end}').rename(other.root / name / f'village{end}')
    return out, first, other


def refused(out, settings, message, capsys):
    """Check the message and the exit status of the tool; nothing in ``out`` is touched."""
    before = contents(out)
    with pytest.raises(SystemExit) as stop, user_errors():
        prepare_folder(out, settings)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f'error: {out} {message}\n'
    assert contents(out) == before


CHOICE = ': choose another folder with --out, or add --replace to remove '
OTHERS = f'contains tiles of other images, or of images that have changed since{CHOICE}'
COUNTS = 'images (18 files), labels (18 files), depth (18 files)'
MAPS = 'and the depth maps of changed images: rdepth/model (18 files)'


def test_another_dataset_is_refused_and_replaces_when_asked_to(prepared, capsys):
    out, _, other = prepared
    settings, lines = other.settings(cut=RANGE), []
    refused(out, settings, f'{OTHERS}{COUNTS}, {MAPS}', capsys)
    prepare_folder(out, settings, replace=True, report=lines.append)
    assert lines == [f'removed from {out}: {COUNTS}, {MAPS}']
    prepare_folder(out.with_name('alone'), settings)
    # The manifest of the maps stays: the tool that makes them continues with it.
    assert names(out) == names(out.with_name('alone')) | {'rdepth/model/depth_maps.json'}
    assert (out / 'manifest.json').read_text() == (out / '../alone/manifest.json').read_text()


def test_other_settings_are_refused_and_replace_when_asked_to(prepared, capsys):
    out, first, _ = prepared
    settings = first.settings(cut=RANGE | dict(tile=10))
    fault = 'was made with tile 12, but this run uses tile 10'
    refused(out, settings, f'{fault}{CHOICE}{COUNTS}, {MAPS}', capsys)
    uncut = first.settings(cut=RANGE | dict(tile=None, stride=None))
    with pytest.raises(UserError, match='was made with tile 12, but this run uses no tile'):
        prepare_folder(out, uncut)
    prepare_folder(out, settings, replace=True)
    assert not list(out.rglob('*_12_12.png')) and list(out.rglob('*_10_10.png'))


def test_maps_stay_as_long_as_their_image_does(prepared):
    out, first, _ = prepared
    maps = {path.name for path in (out / 'rdepth/model').glob('*.png')}
    # Other splits: the tiles are written anew, but no pixel of an image changes.
    splits = Splits(lists={'train': ['town_0', 'town_2']})
    lines = []
    settings = first.settings(cut=RANGE, splits=splits)
    prepare_folder(out, settings, replace=True, report=lines.append)
    assert lines[0].endswith(f'{COUNTS}, {MAPS.replace("18", "4")}')
    remaining = {path.name for path in (out / 'rdepth/model').glob('*.png')}
    assert remaining == {name for name in maps if not name.startswith('town_1')}
    assert remaining == {path.name for path in (out / 'images').iterdir()}
    # One image changes: its tiles and maps are removed, and no others.
    write(first.root / 'rgb/town_0_RGB.tif', 255 - first.images[0], first.places[0])
    prepare_folder(out, settings, replace=True, report=lines.append)
    counts = COUNTS.replace('18', '6')
    assert lines[1] == f'removed from {out}: {counts}, {MAPS.replace("18", "6")}'
    remaining = {path.name for path in (out / 'rdepth/model').glob('*.png')}
    assert {name[:6] for name in remaining} == {'town_2'}
    # The list of a split that no longer exists is removed too.
    prepare_folder(out, first.settings(cut=RANGE), replace=True, report=lines.append)
    assert lines[2].endswith('depth (14 files), train.txt') and not (out / 'train.txt').exists()


def test_tiles_of_no_image_are_refused(prepared, capsys):
    """A killed run leaves such tiles, which are in no manifest."""
    out, first, _ = prepared
    shutil.copy(out / 'images/town_0_0_0_12_12.png', out / 'images/city_0_0_12_12.png')
    refused(out, first.settings(cut=RANGE), f'{OTHERS}images (1 file)', capsys)


def test_a_folder_of_another_tool_is_never_replaced(prepared, capsys, tmp_path):
    out, first, _ = prepared
    for name, content, fault in (
        ('thesis.txt', 'text', 'contains other files .thesis.txt., but no manifest.json'),
        ('manifest.json', '{"areas": {}}', 'manifest.json is not a manifest of tiles'),
    ):
        other_folder = tmp_path / name.partition('.')[0]
        other_folder.mkdir()
        (other_folder / name).write_text(content)
        with pytest.raises(UserError, match=fault):
            prepare_folder(other_folder, first.settings(), replace=True)
        assert [path.name for path in other_folder.iterdir()] == [name]
    (out / 'manifest.json').write_text('{"settings"')
    with pytest.raises(UserError, match='manifest.json cannot be read as JSON'):
        prepare_folder(out, first.settings(), replace=True)


@pytest.mark.parametrize('stop', [KeyboardInterrupt, UserError('town_2 is broken')])
def test_an_aborted_run_leaves_no_manifest_and_no_half_image(tmp_path, monkeypatch, stop):
    scenes, out = Scenes(tmp_path / 'in'), tmp_path / 'data/out'
    real, calls = cut.write_image, []

    def break_off(path, pixels):
        calls.append(path)
        if len(calls) == failing_call:
            raise stop
        real(path, pixels)

    monkeypatch.setattr(cut, 'write_image', break_off)
    failing_call = 5  # in the first image: nothing is left, not even the folders
    with pytest.raises(type(stop) if isinstance(stop, Exception) else stop):
        prepare_folder(out, scenes.settings())
    assert not (tmp_path / 'data').exists()
    calls.clear()
    # In the third image: two remain, with a manifest under a name that no dataset reads.
    failing_call = 25
    with pytest.raises(type(stop) if isinstance(stop, Exception) else stop):
        prepare_folder(out, scenes.settings())
    assert not (out / 'manifest.json').exists() and (out / 'manifest.unfinished.json').is_file()
    assert {path.name[:6] for path in out.glob('*/*')} == {'town_0', 'town_1'}
    calls.clear()
    failing_call = 0
    prepare_folder(out, scenes.settings())  # the same settings continue without --replace
    assert {path.name[:6] for path in calls} == {'town_2'}
    assert not (out / 'manifest.unfinished.json').exists()
    undisturbed = tmp_path / 'undisturbed'
    prepare_folder(undisturbed, scenes.settings())
    assert every_file(out) == every_file(undisturbed)


def test_a_killed_replacement_must_be_requested_again(prepared, monkeypatch):
    """While a replacement removes files, the folder has no manifest, in case the run is killed."""
    out, first, other = prepared
    settings, unlink = other.settings(cut=RANGE), Path.unlink

    class Killed(BaseException):
        pass

    def kill_after_a_tile(path, **more):
        unlink(path, **more)
        if path.suffix == '.png':
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, 'unlink', kill_after_a_tile)
        prepare_folder(out, settings, replace=True)
    assert not (out / 'manifest.json').exists()
    with pytest.raises(UserError, match=r'add --replace to remove images \(17 files\)'):
        prepare_folder(out, settings)
    prepare_folder(out, settings, replace=True)
    assert {path.stem[:7] for path in (out / 'images').iterdir()} == {'village'}
    # The pairs are complete again.
    pair_by_stem(Source('image', str(out / 'images')), Source('depth map', str(out / 'depth')))
