"""The second date of a synthetic scene, and datasets with both dates."""

from dataclasses import asdict

import numpy as np
import pytest
import rasterio
from refusals import refusal

from depthda.datasets.synthetic import generate_tile, make_world, world, write_sample
from depthda.datasets.synthetic.world import any_appearance, second_date
from depthda.errors import UserError
from depthda.io.files import read_json

SIZE = 64
KEYS = [(domain, 'Train', index) for domain in ('urban', 'rural') for index in range(3)]
COUNTS = {'Train': 2, 'Val': 1, 'Test': 0}
SCALARS = ('gain_jitter', 'noise', 'variety')


def test_the_second_date_is_another_image_that_depends_only_on_its_key():
    settings = make_world(size=SIZE)
    for key in KEYS:
        image = second_date(settings, *key)
        assert (image.shape, image.dtype) == ((SIZE, SIZE, 3), np.uint8)
        assert (image != generate_tile(settings, *key).image).mean() > 0.5
        np.testing.assert_array_equal(image, second_date(settings, *key))
        # The decoy of the null world has no image.
        np.testing.assert_array_equal(image, second_date(make_world(size=SIZE, null=True), *key))
        assert (image != second_date(make_world(size=SIZE, seed=1), *key)).any()
    with pytest.raises(UserError, match="a world has no split 'train'"):
        second_date(settings, 'urban', 'train', 0)


@pytest.mark.parametrize('seed', [0, 1])
def test_the_second_date_shows_the_scene_of_its_tile(seed):
    settings = make_world(size=SIZE, seed=seed)
    firsts = [generate_tile(settings, *key).image.ravel() for key in KEYS]
    seconds = [second_date(settings, *key).ravel() for key in KEYS]
    alike = np.corrcoef(firsts, seconds)[: len(KEYS), len(KEYS) :]
    own, others = np.diag(alike), alike[~np.eye(len(KEYS), dtype=bool)]
    assert own.min() > max(0.5, others.max())


def test_the_second_date_may_look_like_any_domain(monkeypatch):
    settings = make_world(size=SIZE)
    appearances = [settings.domain(name).appearance for name in ('urban', 'rural')]
    used = []

    def render(appearance, *args):
        used.append(appearance)
        return np.zeros((SIZE, SIZE, 3), np.uint8)

    monkeypatch.setattr(world, 'render', render)
    for domain, split, index in KEYS:
        second_date(settings, domain, split, index)
    urban, rural = map(asdict, appearances)
    for name in urban:
        values = [asdict(appearance)[name] for appearance in used]
        if name in SCALARS:
            low, high = sorted([urban[name], rural[name]])
            assert all(low <= value <= high for value in values)
            assert len(set(values)) == (len(KEYS) if low < high else 1)
        elif name == 'gain':
            for band, ends in enumerate(zip(urban[name], rural[name], strict=True)):
                drawn = [gain[band] for gain in values]
                assert all(min(ends) <= value <= max(ends) for value in drawn)
                assert len(set(drawn)) == (len(KEYS) if ends[0] != ends[1] else 1)
        else:
            merged = min(urban[name][0], rural[name][0]), max(urban[name][1], rural[name][1])
            assert set(values) == {merged}


def test_domains_that_look_alike_keep_their_settings():
    rural = make_world().domain('rural').appearance
    assert any_appearance([rural, rural], np.random.default_rng(0)) == rural


def read(path):
    with rasterio.open(path) as raster:
        return raster.read()


def test_a_dataset_of_two_dates_adds_bands_and_changes_nothing_else(tmp_path):
    settings = make_world(size=SIZE, seed=3)
    for bands in ('rgb', 'two-dates'):
        assert write_sample(tmp_path / bands, settings, COUNTS, bands=bands) == 6
    one, two = tmp_path / 'rgb', tmp_path / 'two-dates'
    others = [path.relative_to(one) for path in one.glob('*/*/[mrd]*/**/*.*')]
    assert len(others) == 18  # masks, depth and heights
    for path in others:
        assert (one / path).read_bytes() == (two / path).read_bytes()
    numbers = read_json(two / 'world.json')['file_numbers']
    assert numbers['Train'] == {'Rural': [0, 1], 'Urban': [2, 3]}
    for split, domains in numbers.items():
        for domain, (first, last) in domains.items():
            for number in range(first, last + 1):
                image = f'{split}/{domain}/images_png/{number}'
                stack = read(two / f'{image}.tif')
                assert stack.shape == (6, SIZE, SIZE) and stack.dtype == np.uint8
                np.testing.assert_array_equal(stack[:3], read(one / f'{image}.png'))
                later = second_date(settings, domain.lower(), split, number - first)
                np.testing.assert_array_equal(stack[3:], np.moveaxis(later, -1, 0))


def test_a_dataset_records_the_bands_of_its_images(tmp_path):
    settings, counts = make_world(size=SIZE), {'Train': 1, 'Val': 0, 'Test': 0}
    out = tmp_path / 'data'
    assert write_sample(out, settings, counts, bands='two-dates') == 2
    assert read_json(out / 'world.json')['two_dates'] is True
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*')}
    assert write_sample(out, settings, counts, bands='two-dates') == 0
    for bands in ('rgb', 'near-infrared'):
        message = refusal(write_sample, out, settings, counts, bands=bands)
        assert message == f'{out} already has other contents: choose another folder or remove it'
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob('*')}
    write_sample(tmp_path / 'rgb', settings, counts)
    assert 'two_dates' not in read_json(tmp_path / 'rgb' / 'world.json')
