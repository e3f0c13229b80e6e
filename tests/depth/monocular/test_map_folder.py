import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from refusals import refusal

from depthda.depth.maps import read_depth
from depthda.depth.monocular.folder import MANIFEST, MapFolder
from depthda.errors import UserError
from depthda.io.png import add_note, read_note

IMAGE = Path(__file__)  # any file: images are recognised by their content
SETTINGS = {'weights': 'abc', 'mode': 'whole', 'tile': None}


def folder(root, about=(), **changes):
    about = {'model': 'owner/name', 'versions': [{'torch': '1'}]} | dict(about)
    return MapFolder(root, SETTINGS | changes, about)


def begun(root):
    """Write one map into a folder."""
    maps = folder(root)
    maps.open()
    maps.save('x', depth(), IMAGE)


def depth(seed=0, size=(20, 30)):
    return np.random.default_rng(seed).normal(3, 5, size).astype(np.float32)


def test_depth_is_restored_from_codes_and_manifest(tmp_path):
    maps = folder(tmp_path)
    maps.open()
    values = depth()
    valid = np.ones(values.shape, bool)
    valid[3:5, 6:9] = False
    values[4, 7] = -1000  # not valid, so outside the range
    maps.save('a/x', values, IMAGE, valid)
    maps.finish()
    codes = cv2.imread(str(tmp_path / 'a/x.png'), cv2.IMREAD_UNCHANGED)
    assert codes.dtype == np.uint16
    np.testing.assert_array_equal(codes == 0, ~valid)
    assert codes[valid].min() == 1 and codes.max() == 65535
    entry = json.loads((tmp_path / MANIFEST).read_text())['maps']['a/x']
    assert entry['size'] == [30, 20]
    restored = entry['shift'] + entry['scale'] * codes
    assert np.abs(restored - values)[valid].max() <= 0.51 * entry['scale']
    # Higher is nearer, on disk and as the datasets read it.
    assert np.corrcoef(read_depth(tmp_path / 'a/x.png')[valid], values[valid])[0, 1] > 0.9999


def test_a_map_without_relief_and_one_without_data(tmp_path):
    maps = folder(tmp_path)
    maps.open()
    assert not maps.save('flat', np.full((4, 5), 2.5, np.float32), IMAGE)
    maps.save('none', depth(size=(4, 5)), IMAGE, np.zeros((4, 5), bool))
    maps.finish()
    entries = json.loads((tmp_path / MANIFEST).read_text())['maps']
    assert (read_depth(tmp_path / 'flat.png') == np.float32(32768 / 65535)).all()
    assert (entries['flat']['scale'], entries['flat']['shift']) == (0, 2.5)
    assert (read_depth(tmp_path / 'none.png') == 0).all()


def test_only_a_finished_map_of_these_settings_counts(tmp_path):
    maps = folder(tmp_path)
    maps.open()
    path = tmp_path / 'x.png'
    assert not maps.is_done('x', (20, 30), IMAGE)
    assert maps.save('x', depth(), IMAGE)
    assert maps.is_done('x', (20, 30), IMAGE)
    assert not maps.is_done('x', (30, 20), IMAGE)
    assert not folder(tmp_path, mode='tiled').is_done('x', (20, 30), IMAGE)
    content = path.read_bytes()
    for cut in (0, 20, 40, 60, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        assert not maps.is_done('x', (20, 30), IMAGE)
    cv2.imwrite(str(path), np.ones((20, 30), np.uint16))
    assert not maps.is_done('x', (20, 30), IMAGE)


def test_maps_of_other_settings_are_refused(tmp_path):
    begun(tmp_path)
    with pytest.raises(UserError, match='mode "whole", but this run uses "tiled": choose another'):
        folder(tmp_path, mode='tiled').open()
    with pytest.raises(UserError, match=r'other weights \(owner/name\)'):
        folder(tmp_path, weights='other', about={'model': 'other'}).open()


def test_a_manifest_without_maps_is_replaced(tmp_path):
    folder(tmp_path).open()
    folder(tmp_path, mode='tiled', weights='other').open()
    assert json.loads((tmp_path / MANIFEST).read_text())['settings']['mode'] == 'tiled'


def test_the_map_of_another_image_is_refused(tmp_path):
    maps, path, other = folder(tmp_path), tmp_path / 'x.png', tmp_path / 'x.jpg'
    other.write_bytes(b'another image')
    maps.save('x', depth(), IMAGE)
    before = path.read_bytes()
    assert refusal(maps.is_done, 'x', (20, 30), other) == (
        f'{path} is the map of a different image than {other}: choose another folder with --out or '
        '--name, or remove the map.'
    )
    assert path.read_bytes() == before
    moved = other.with_name('moved.py')
    moved.write_bytes(IMAGE.read_bytes())
    assert maps.is_done('x', (20, 30), moved)


def test_a_map_that_does_not_name_its_image_is_kept(tmp_path):
    maps, path = folder(tmp_path), tmp_path / 'x.png'
    maps.save('x', depth(), IMAGE)
    note = json.loads(read_note(path))
    del note['image']
    plain = cv2.imencode('.png', cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[1].tobytes()
    path.write_bytes(add_note(plain, json.dumps(note)))
    assert maps.is_done('x', (20, 30), IMAGE)
    maps.finish()
    entry = json.loads((tmp_path / MANIFEST).read_text())['maps']['x']
    assert entry.keys() == {'size', 'scale', 'shift'}


def test_a_later_run_keeps_the_record_and_adds_its_versions(tmp_path):
    begun(tmp_path)
    again = folder(tmp_path, about={'model': '/a/copy', 'versions': [{'torch': '2'}]})
    again.open()
    again.finish()
    about = json.loads((tmp_path / MANIFEST).read_text())['about']
    assert about == {'model': 'owner/name', 'versions': [{'torch': '1'}, {'torch': '2'}]}


def test_a_note_leaves_the_pixels_unchanged(tmp_path):
    codes = np.arange(600, dtype=np.uint16).reshape(20, 30)
    plain = cv2.imencode('.png', codes)[1].tobytes()
    (tmp_path / 'x.png').write_bytes(add_note(plain, 'a note'))
    assert read_note(tmp_path / 'x.png') == 'a note'
    with Image.open(tmp_path / 'x.png') as picture:
        assert picture.info['depthda'] == 'a note'
        np.testing.assert_array_equal(np.asarray(picture), codes)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'x.png'), cv2.IMREAD_UNCHANGED), codes)
    (tmp_path / 'y.png').write_bytes(plain)
    assert read_note(tmp_path / 'y.png') is None
    damaged = add_note(plain, 'a note').replace(b'a note', b'a nope')
    (tmp_path / 'z.png').write_bytes(damaged)
    assert read_note(tmp_path / 'z.png') is None
