import numpy as np
import pytest

from depthda.errors import UserError
from depthda.evaluation.tile_counts import TileCounts, load_tiles, save_tiles

CELLS = [('Rural', 'Val'), ('Urban', 'Val'), ('Rural', 'Test'), ('', 'Test'), ('Rural', '')]


def tiles(images=5):
    rng = np.random.default_rng(0)
    domains, splits = zip(*(CELLS[i % 5] for i in range(images)), strict=True)
    return TileCounts(
        np.array([f'/dir/é-{i}.png' for i in range(images)]),
        np.array(domains),
        np.array(splits),
        np.array(['background', 'road']),
        rng.integers(0, 2**40, (images, 3, 2)),
    )


def test_counts_are_read_back_and_equal_counts_give_equal_bytes(tmp_path):
    original = tiles()
    for name in ('a.npz', 'b.npz'):
        save_tiles(tmp_path / 'run' / name, original)
    again = load_tiles(tmp_path / 'run' / 'a.npz')
    for key in ('names', 'domains', 'splits', 'classes', 'counts'):
        stored, expected = getattr(again, key), getattr(original, key)
        assert stored.dtype == expected.dtype
        np.testing.assert_array_equal(stored, expected)
    assert len({path.read_bytes() for path in (tmp_path / 'run').iterdir()}) == 1


def test_groups_are_those_of_the_report():
    original = tiles(10)
    pairs = [f'{split}/{domain}' for domain, split in CELLS[:3]]
    names = ['all', 'Rural', 'Urban', 'Test', 'Val', *pairs]
    members = {name: original.group(name).names.tolist() for name in names}
    numbers = {name: [int(path[7:-4]) for path in paths] for name, paths in members.items()}
    assert numbers['all'] == list(range(10))
    assert numbers['Rural'] == [0, 2, 4, 5, 7, 9]
    assert numbers['Test'] == [2, 3, 7, 8]
    assert numbers['Val/Urban'] == [1, 6]
    np.testing.assert_array_equal(original.group('Val/Urban').counts, original.counts[[1, 6]])
    with pytest.raises(UserError, match=f"'Train'.*: use {', '.join(names)}"):
        original.group('Train')


def test_arrays_that_do_not_fit_are_refused():
    arrays = vars(tiles())
    counts, domains = arrays['counts'], arrays['domains']
    for change, message in (
        (dict(classes=np.array(list('abc'))), '5 images of 3 classes'),
        (dict(domains=domains[1:]), '4 domains'),
        (dict(counts=counts.astype(float)), 'float64'),
    ):
        with pytest.raises(ValueError, match=message):
            TileCounts(**arrays | change)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    path = tmp_path / 'tiles.npz'
    with pytest.raises(UserError, match='tiles.npz .* does not exist: test this run again'):
        load_tiles(path)
    path.write_bytes(b'PK nonsense')
    with pytest.raises(UserError, match='tiles.npz does not contain'):
        load_tiles(path)
    np.savez(path, names=np.array(['a']))
    with pytest.raises(UserError, match='domains.*test this run again'):
        load_tiles(path)
    save_tiles(path, tiles())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match='tiles.npz does not contain'):
        load_tiles(path)


def test_objects_are_not_unpickled(tmp_path):
    path = tmp_path / 'tiles.npz'
    np.savez(path, **{k: np.array([{}]) for k in ('names', 'domains', 'splits', 'classes')})
    with pytest.raises(UserError, match='allow_pickle'):
        load_tiles(path)
