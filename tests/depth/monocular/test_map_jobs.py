from pathlib import Path

import pytest

from depthda.datasets.loveda import LoveDARGBD
from depthda.depth.monocular.jobs import find_jobs, map_name
from depthda.errors import UserError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def maps(jobs, root):
    return [job.map.relative_to(root).as_posix() for job in jobs]


def test_without_out_maps_are_where_the_datasets_look(tmp_path):
    images = ['Train/Urban/images_png/1.png', 'Train/Rural/images_png/2.png']
    touch(tmp_path, *images, 'Train/Urban/masks_png/1.png', 'Train/Rural/masks_png/2.png')
    folders = sorted(map(str, tmp_path.glob('*/*/images_png')))
    jobs = find_jobs(folders, None, 'some-model')
    expected = ['Train/Rural/rdepth/some-model/2.png', 'Train/Urban/rdepth/some-model/1.png']
    assert maps(jobs, tmp_path) == expected
    for job in jobs:
        touch(tmp_path, job.map)
    data = LoveDARGBD(
        str(tmp_path),
        ['Urban', 'Rural'],
        'Train',
        depth='rdepth/some-model',
        check='names',
        pipeline=[],
    )
    assert {data.get_data_info(i)['depth_path'] for i in range(2)} == {str(job.map) for job in jobs}


def test_out_keeps_the_tree_below_each_folder(tmp_path):
    touch(tmp_path / 'in', 'a/x.tif', 'b/x.JPG', 'b/y.v2.png', '.hidden.png', 'b/notes.txt')
    jobs = find_jobs([str(tmp_path / 'in')], str(tmp_path / 'out'), 'm')
    assert maps(jobs, tmp_path / 'out') == ['a/x.png', 'b/x.png', 'b/y.v2.png']
    assert {job.root for job in jobs} == {tmp_path / 'out'}
    one = find_jobs([str(tmp_path / 'in/a/x.tif')], str(tmp_path / 'out'), 'm')
    assert maps(one, tmp_path / 'out') == ['x.png']
    default = find_jobs([str(tmp_path / 'in/a/x.tif')], None, 'm')
    assert maps(default, tmp_path) == ['in/rdepth/m/x.png']


def test_an_image_given_twice_counts_once(tmp_path):
    touch(tmp_path / 'in', 'x.png', 'y.png')
    paths = [str(tmp_path / 'in'), str(tmp_path / 'in/../in/x.png')]
    assert len(find_jobs(paths, None, 'm')) == 2


@pytest.mark.parametrize(
    'model, name',
    [
        ('depth-anything/Depth-Anything-V2-Small-hf', 'depth-anything-v2-small'),
        ('LiheYoung/depth-anything-large-hf', 'depth-anything-large'),
        ('weights/Custom/', 'custom'),
    ],
)
def test_maps_have_the_names_used_in_the_configs(model, name):
    assert map_name(model) == name


@pytest.mark.parametrize(
    'files, paths, out, message',
    [
        (['in/x.tif', 'in/x.png'], ['in'], 'out', 'x.png and .*x.tif would both write'),
        (['a/x.png', 'b/x.png'], ['a', 'b'], 'out', 'would both write'),
        (['in/x.png'], ['in'], 'in', 'is inside the image folder'),
        (['in/x.png'], ['in'], 'in/deep', 'is inside the image folder'),
        (['in/x.png', 'out'], ['in'], 'out', 'out is a file'),
        (['in/x.png', 'out'], ['in'], 'out/deep', 'out is a file'),
        (['in/notes.txt'], ['in'], 'out', 'in contains no image'),
        ([], ['in'], 'out', 'the image or folder .*in does not exist'),
        (['notes.txt'], ['notes.txt'], 'out', 'notes.txt has an unsupported suffix'),
        (['in/masks_png/x.png'], ['in'], 'out', 'masks_png contains labels or depth'),
        (['in/depth_maps.json', 'in/x.png'], ['in'], 'out', 'contains depth maps, not images'),
        (['a/x.tif', 'b/x.png'], ['a/x.tif', 'b'], 'b/../b', 'is inside the image folder'),
    ],
)
def test_mistakes_are_refused_before_any_work(tmp_path, monkeypatch, files, paths, out, message):
    touch(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        find_jobs(paths, out, 'm')


def test_a_map_never_overwrites_an_image(tmp_path):
    touch(tmp_path, 'a/deep/x.png', 'out/y.png', 'out/deep/x.png')
    with pytest.raises(UserError, match='would overwrite an image'):
        find_jobs(
            [str(tmp_path / 'a'), str(tmp_path / 'out/deep/x.png')], str(tmp_path / 'out'), 'm'
        )
