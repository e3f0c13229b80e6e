"""Images that once led to useless maps, and runs that once left files behind."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from refusals import refusal

from depthda.depth.monocular.estimate import DepthSettings, estimate_depth
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.depth.monocular.folder import MANIFEST
from depthda.depth.monocular.images import OpticalReader
from depthda.depth.monocular.jobs import find_jobs
from depthda.errors import UserError


@pytest.fixture
def run(estimator, tmp_path):
    """Return a function that runs on the folder ``in`` and returns the warnings."""

    def estimate(images='in', **reader):
        jobs = find_jobs([str(tmp_path / images)], str(tmp_path / 'out'), 'm')
        settings = DepthSettings(reader=OpticalReader(**reader))
        return list(estimate_depth(estimator, jobs, settings, {'model': 'tiny'}).warnings)

    (tmp_path / 'in').mkdir()
    return estimate


def pixels(seed=0, bits=8):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 << bits, (70, 70, 3)).astype(np.uint8 if bits == 8 else np.uint16)


def test_a_refused_run_leaves_nothing_and_the_advised_one_works(run, tmp_path):
    tifffile.imwrite(tmp_path / 'in/a.tif', pixels(bits=12), photometric='rgb')
    with pytest.raises(UserError, match='values of type uint16, but the network needs 8 bits'):
        run()
    assert not (tmp_path / 'out').exists()
    assert run(value_range=(0, 4095)) == []
    settings = json.loads((tmp_path / 'out' / MANIFEST).read_text())['settings']
    assert settings['value_range'] == [0, 4095]


@pytest.mark.parametrize('span', [(0, 5), (10000, 20000)])
def test_a_value_range_that_clips_most_values(run, tmp_path, span):
    values = pixels(bits=12) // 2 + 1000
    tifffile.imwrite(tmp_path / 'in/a.tif', values, photometric='rgb')
    assert run(value_range=span) == [
        'warning: most values are outside --value-range and are clipped: choose another range',
        'warning: 1 image with a single colour (a.tif): check the images',
    ]


def test_images_of_one_colour(run, tmp_path):
    for name in 'ab':
        Image.new('RGB', (70, 70), (9, 8, 7)).save(tmp_path / f'in/{name}.png')
    assert run() == ['warning: 2 images with a single colour (a.png, b.png): check the images']


def test_weights_that_return_one_depth(run, tmp_path, monkeypatch):
    Image.fromarray(pixels()).save(tmp_path / 'in/a.png')
    monkeypatch.setattr(
        DepthEstimator, 'whole', lambda self, inputs, sizes: [np.ones(s, np.float32) for s in sizes]
    )
    assert run() == ['warning: 1 map with a single depth (a.png): check the images and the weights']


def test_a_tiff_with_a_palette(run, tmp_path):
    colours = np.zeros((3, 256), np.uint16)
    path = tmp_path / 'in/a.tif'
    tifffile.imwrite(path, pixels()[..., 0], photometric='palette', colormap=colours)
    with pytest.raises(UserError, match='a.tif has a palette: save it as red, green, blue'):
        run()
    assert not (tmp_path / 'out').exists()


def label_maps(folder, *values):
    """Write a label map with each list of values."""
    for index, choices in enumerate(values):
        labels = np.random.default_rng(index).choice(np.uint8(choices), (70, 70))
        Image.fromarray(labels).save(folder / f'{index}.{"png" if index % 2 else "tif"}')


@pytest.mark.parametrize(
    'values, listed',
    [
        (([0, 1, 2, 255], [1, 3]), '0, 1, 2, 3, 255'),
        (([7], [7, 8]), '7, 8'),
        ((range(32),), '0, 1, 2, 3, 4, 5, 6, 7, …'),
        (([0, 255],) * 20, '0, 255'),
    ],
)
def test_label_maps_in_place_of_images(run, tmp_path, values, listed):
    label_maps(tmp_path / 'in', *values)
    assert refusal(run) == (
        f'{tmp_path}/in contains label maps (one band with the values {listed}), not images: '
        'choose the folder of the images.'
    )
    assert not (tmp_path / 'out').exists()


def test_a_folder_of_label_maps_among_folders_of_images(run, tmp_path):
    for name in ('images', 'masks'):
        (tmp_path / 'in' / name).mkdir()
    Image.fromarray(pixels()).save(tmp_path / 'in/images/a.png')
    label_maps(tmp_path / 'in/masks', [0, 1])
    with pytest.raises(UserError, match='in/masks contains label maps'):
        run()


def test_grey_images_are_not_label_maps(run, tmp_path):
    grey = pixels()[..., 0]
    for index, values in enumerate((grey, grey // 8 + 20, grey.astype(np.uint16) % 3)):
        folder = tmp_path / f'in/{index}'
        folder.mkdir()
        Image.fromarray(values).save(folder / 'a.png')
    with pytest.raises(UserError, match='2/a.png has values of type uint16'):
        run()
    (tmp_path / 'in/2/a.png').unlink()
    assert run() == []


def test_with_a_value_range_few_values_are_brightness(run, tmp_path):
    label_maps(tmp_path / 'in', range(20))
    assert run(value_range=(0, 20)) == []


@pytest.mark.parametrize('name', ['../evil', 'a/b', '..', ''])
def test_a_name_that_is_a_path(tmp_path, name):
    Image.new('RGB', (9, 9)).save(tmp_path / 'a.png')
    assert refusal(find_jobs, [str(tmp_path)], None, name) == (
        f'--name {name!r} is not a folder name: use a name without slashes.'
    )
