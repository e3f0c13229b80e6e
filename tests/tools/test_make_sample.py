"""The synthetic dataset, by the command: the files that it writes."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from refusals import refusal

from depthda.datasets.synthetic import generate_tile, make_world, write_sample
from depthda.errors import UserError

TOOL = Path(__file__).parents[2] / 'tools' / 'make_sample.py'
COUNTS = {'Train': 2, 'Val': 1, 'Test': 1}


def _digests(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}


def test_the_bytes_do_not_depend_on_the_jobs(tmp_path):
    options = '--train 10 --val 1 --test 1 --size 64 --seed 3 --jobs'.split()
    for jobs in '12':
        command = [sys.executable, str(TOOL), str(tmp_path / jobs), *options, jobs]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert '24 tiles written' in result.stdout
    one, two = _digests(tmp_path / '1'), _digests(tmp_path / '2')
    assert len(one) == 24 * 4 + 1
    assert one == two
    assert sorted(path.name for path in tmp_path.iterdir()) == ['1', '2']


@pytest.fixture(scope='module')
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp('sample') / 'dataset'
    world = make_world(size=64, seed=7)
    seen = []
    assert write_sample(root, world, COUNTS, progress=seen.append) == 8
    assert seen == list(range(1, 9))
    return root, world


def test_the_tree_is_that_of_loveda_and_world_json_names_every_setting(sample):
    numbers = {'Train/Rural': [0, 1], 'Train/Urban': [2, 3], 'Val/Rural': [4], 'Val/Urban': [5]}
    numbers |= {'Test/Rural': [6], 'Test/Urban': [7]}
    kinds = dict(images_png='png', masks_png='png', dsm='tif') | {'rdepth/synthetic': 'png'}
    expected = {'world.json'}
    for folder, stems in numbers.items():
        for kind, suffix in kinds.items():
            expected |= {f'{folder}/{kind}/{stem}.{suffix}' for stem in stems}
    assert _digests(sample[0]).keys() == expected


def test_files_contain_what_the_generator_returns(sample):
    root, world = sample
    tile = generate_tile(world, 'urban', 'Train', 1)
    folder = root / 'Train' / 'Urban'
    image = cv2.imread(str(folder / 'images_png' / '3.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image[..., ::-1], tile.image)
    for name, array in (('masks_png', tile.mask), ('rdepth/synthetic', tile.depth)):
        stored = cv2.imread(str(folder / name / '3.png'), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == array.dtype
        np.testing.assert_array_equal(stored, array)
    with rasterio.open(folder / 'dsm' / '3.tif') as file:
        assert file.dtypes == ('float32',) and file.res == (0.5, 0.5)
        np.testing.assert_array_equal(file.read(1), tile.height)

    content = json.loads((sample[0] / 'world.json').read_text())
    assert (content['world'], content['seed']) == ('v1', 7)
    assert content['tiles_per_domain'] == COUNTS
    assert content['file_numbers']['Val'] == {'Rural': [4, 4], 'Urban': [5, 5]}
    assert content['settings']['domains']['rural']['resolution'] == {'gsd_m': 0.65}


def test_another_seed_is_another_dataset_and_an_existing_one_is_not_touched(sample, tmp_path):
    root, world = sample
    before = _digests(root)
    write_sample(tmp_path / 'other', make_world(size=64, seed=8), COUNTS)
    other = _digests(tmp_path / 'other')
    assert before.keys() == other.keys() and not before.items() & other.items()
    assert write_sample(root, world, COUNTS) == 0
    for settings, counts in (({'seed': 8}, COUNTS), ({'seed': 7}, {**COUNTS, 'Val': 2})):
        with pytest.raises(UserError, match='already has other contents: choose another folder'):
            write_sample(root, make_world(size=64, **settings), counts)
    assert _digests(root) == before


def test_an_interrupted_dataset_leaves_nothing(tmp_path):
    def stop(done):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / 'dataset', make_world(size=64), COUNTS, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('counts', 'jobs', 'message'),
    [
        ({**COUNTS, 'Val': -1}, 1, 'the number of Val tiles must be 0 or more'),
        (dict.fromkeys(COUNTS, 0), 1, 'at least one tile'),
        (COUNTS, 0, '--jobs 0: use 1 or more'),
    ],
)
def test_impossible_counts_are_refused(tmp_path, counts, jobs, message):
    with pytest.raises(UserError, match=message):
        write_sample(tmp_path / 'dataset', make_world(size=64), counts, jobs)


def test_a_file_in_place_of_the_dataset_is_refused(tmp_path):
    (tmp_path / 'dataset').write_text('text')
    for path, fault in (
        (tmp_path / 'dataset', 'is a file: choose a folder'),
        (tmp_path / 'dataset/a/b', 'cannot be created (Not a directory): choose another folder'),
        ('/proc/nope', 'cannot be created (No such file or directory): choose another folder'),
    ):
        assert refusal(write_sample, path, make_world(size=64), COUNTS) == f'{path} {fault}'
    assert (tmp_path / 'dataset').read_text() == 'text' and len(list(tmp_path.iterdir())) == 1
