import numpy as np
import pytest

from depthda.errors import UserError
from depthda.evaluation.tile_counts import TileCounts, load_tiles, save_tiles

CELLS = [('Rural', 'Val'), ('Urban', 'Val'), ('Rural', 'Test'), ('', 'Test'), ('Rural', '')]


def tiles(images=5):
    rng = np.random.default_rng(0)
    domains, splits = zip(*(CELLS[i % 5] for i in range(images)), strict=True)
    return TileCounts(
        np.array([f'/set/é-{i}.png' for i in range(images)]),
        np.array(domains),
        np.array(splits),
        np.array(['background', 'road']),
        rng.integers(0, 2**40, (images, 3, 2)),
    )


def test_reads_back_what_it_wrote_and_writes_the_same_bytes(tmp_path):
    one = tiles()
    for name in ('a.npz', 'b.npz'):
        save_tiles(tmp_path / 'run' / name, one)
    again = load_tiles(tmp_path / 'run' / 'a.npz')
    for key in ('names', 'domains', 'splits', 'classes', 'counts'):
        stored, given = getattr(again, key), getattr(one, key)
        assert stored.dtype == given.dtype
        np.testing.assert_array_equal(stored, given)
    assert len({path.read_bytes() for path in (tmp_path / 'run').iterdir()}) == 1


def test_groups_are_those_of_the_report():
    one = tiles(10)
    pairs = [f'{split}/{domain}' for domain, split in CELLS[:3]]
    names = ['all', 'Rural', 'Urban', 'Test', 'Val', *pairs]
    members = {name: one.group(name).names.tolist() for name in names}
    numbers = {name: [int(path[7:-4]) for path in paths] for name, paths in members.items()}
    assert numbers['all'] == list(range(10))
    assert numbers['Rural'] == [0, 2, 4, 5, 7, 9]
    assert numbers['Test'] == [2, 3, 7, 8]
    assert numbers['Val/Urban'] == [1, 6]
    np.testing.assert_array_equal(one.group('Val/Urban').counts, one.counts[[1, 6]])
    with pytest.raises(UserError, match=f"'Train'.*: use {', '.join(names)}"):
        one.group('Train')


def test_arrays_that_do_not_fit_are_refused():
    one = tiles()
    with pytest.raises(ValueError, match='5 images of 3 classes'):
        TileCounts(one.names, one.domains, one.splits, np.array(list('abc')), one.counts)
    with pytest.raises(ValueError, match='4 domains'):
        TileCounts(one.names, one.domains[1:], one.splits, one.classes, one.counts)
    with pytest.raises(ValueError, match='float64'):
        TileCounts(one.names, one.domains, one.splits, one.classes, one.counts.astype(float))


def test_a_file_that_cannot_be_read_is_explained(tmp_path):
    path = tmp_path / 'tiles.npz'
    with pytest.raises(UserError, match='there is no .*tiles.npz.*test this run again'):
        load_tiles(path)
    path.write_bytes(b'PK nonsense')
    with pytest.raises(UserError, match='tiles.npz does not hold'):
        load_tiles(path)
    np.savez(path, names=np.array(['a']))
    with pytest.raises(UserError, match='domains.*test this run again'):
        load_tiles(path)
    save_tiles(path, tiles())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match='tiles.npz does not hold'):
        load_tiles(path)


def test_objects_are_not_unpickled(tmp_path):
    path = tmp_path / 'tiles.npz'
    np.savez(path, **{k: np.array([{}]) for k in ('names', 'domains', 'splits', 'classes')})
    with pytest.raises(UserError, match='allow_pickle'):
        load_tiles(path)
