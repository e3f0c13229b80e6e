from pathlib import Path

import pytest

from depthda.depth.surface.normalize import find_surfaces, terrain_of
from depthda.errors import UserError

OUT = Path('/out')


@pytest.fixture
def tree(tmp_path):
    for name in ('dsm/b/2.tif', 'dsm/a/1.tiff', 'dsm/a/1.5.TIF', 'dsm/.hidden/3.tif', 'dsm/.4.tif'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / 'dsm/a/notes.txt').touch()
    return tmp_path


def test_maps_have_the_stem_and_sub_folder_of_their_surface_models(tree):
    jobs = find_surfaces([str(tree / 'dsm')], OUT, None)
    assert [(job.name, str(job.map)) for job in jobs] == [
        ('a/1', '/out/a/1.png'),
        ('a/1.5', '/out/a/1.5.png'),
        ('b/2', '/out/b/2.png'),
    ]
    assert jobs[0].source == tree / 'dsm/a/1.tiff'
    # A file counts like a file of its folder, and is used once if it is named twice.
    jobs = find_surfaces([str(tree / 'dsm/b/2.tif'), str(tree / 'dsm/b')], OUT, None)
    assert [job.name for job in jobs] == ['2']


def test_terrain_models_are_found_by_stem(tree):
    terrain = tree / 'dtm'
    for name in ('b/2.tiff', 'a/1.tif', 'a/1.5.tif'):
        (terrain / name).parent.mkdir(parents=True, exist_ok=True)
        (terrain / name).touch()
    jobs = find_surfaces([str(tree / 'dsm')], OUT, terrain)
    assert [terrain_of(job, terrain) for job in jobs] == [
        terrain / name for name in ('a/1.tif', 'a/1.5.tif', 'b/2.tiff')
    ]
    (terrain / 'b/2.tiff').unlink()
    with pytest.raises(
        UserError, match=r'2.tif has no terrain model in .*: put exactly one .* b/2.tif'
    ):
        terrain_of(jobs[2], terrain)
    (terrain / 'a/1.tiff').touch()
    with pytest.raises(UserError, match='1.tiff has 2 terrain models'):
        terrain_of(jobs[0], terrain)
    with pytest.raises(UserError, match='the folder of terrain models .*opened does not exist'):
        find_surfaces([str(tree / 'dsm')], OUT, tree / 'opened')
    with pytest.raises(UserError, match='would be mistaken for surface models'):
        find_surfaces([str(tree)], OUT, terrain)


def test_maps_among_the_surface_models_are_refused(tree):
    for path, out in [('dsm', 'dsm'), ('dsm', 'dsm/maps'), ('dsm/b/2.tif', 'dsm/b')]:
        with pytest.raises(UserError, match='is among the surface models in'):
            find_surfaces([str(tree / path)], tree / out, None)
    assert find_surfaces([str(tree / 'dsm/b/2.tif')], tree / 'dsm/b/maps', None)


def test_other_files_are_refused(tree):
    with pytest.raises(UserError, match='the surface model or folder .*nothing does not exist'):
        find_surfaces([str(tree / 'nothing')], OUT, None)
    with pytest.raises(UserError, match='notes.txt has an unsupported suffix: use .tif, .tiff'):
        find_surfaces([str(tree / 'dsm/a/notes.txt')], OUT, None)
    with pytest.raises(UserError, match='.hidden/none contains no surface model'):
        (tree / 'dsm/.hidden/none').mkdir()
        find_surfaces([str(tree / 'dsm/.hidden/none')], OUT, None)
