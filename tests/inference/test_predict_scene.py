"""Logits of a scene equal a plain computation, whatever its shape, and wherever a run begins."""

import itertools

import numpy as np
import pytest
import torch
from stub_model import CLASSES, stub_model, write_scene

from depthda.errors import UserError
from depthda.inference.predict_scene import VIEWS, Settings, predict, scene_bands
from depthda.inference.scene import ModelBands, area_mask, open_image
from depthda.inference.trained_model import TrainedModel


def run(model, path, settings, first=0, area=None):
    """Return first row, logits (K, rows, W) and validity of what is yielded, joined."""
    with open_image(path, ModelBands(3)) as (grid, image):
        inside = area and area_mask(grid, area)
        bands = list(scene_bands(model, grid, (image, None, inside), settings, first))
    tops = [top for top, _, _ in bands]
    assert tops == list(np.cumsum([first, *(band.shape[1] for _, band, _ in bands)]))[:-1]
    logits = torch.cat([band for _, band, _ in bands], 1)
    return tops[0], logits.numpy(), np.concatenate([valid for _, _, valid in bands])


def by_hand(model, values, window, overlap):
    """Sum the logits of all windows with weights that fall towards their edges, in loops."""
    _, height, width = values.shape
    h, w = min(window, height), min(window, width)
    sums, weights = np.zeros((len(CLASSES), height, width)), np.zeros((height, width))

    def starts(length):
        found = [*range(0, max(length - window, 0), window - overlap)]
        return [*found, max(length - window, 0)]

    def ramp(side):
        rise = [min(min(i, side - 1 - i) + 0.5, overlap) / overlap for i in range(side)]
        return np.array(rise)

    weight = np.outer(ramp(h), ramp(w))
    for y, x in itertools.product(starts(height), starts(width)):
        crop = torch.from_numpy(values[::-1, y : y + h, x : x + w].copy())
        logits = model.logits([crop])[0].numpy()
        sums[:, y : y + h, x : x + w] += weight * logits
        weights[y : y + h, x : x + w] += weight
    assert weights.min() > 0
    return sums / weights


@pytest.mark.parametrize('shape', [(70, 90), (32, 32), (33, 200), (5, 7), (1, 90), (90, 1), (1, 1)])
def test_logits_equal_a_weighted_mean_over_windows(tmp_path, shape):
    values = write_scene(tmp_path / 's.tif', *shape)
    model = stub_model()
    _, logits, valid = run(model, tmp_path / 's.tif', Settings(32, 12, batch=3))
    expected = by_hand(model, values, 32, 12)
    assert valid.all() and logits.shape == expected.shape
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('first', [1, 31, 40, 69])
def test_a_run_that_begins_further_down_gives_the_same_rows(tmp_path, first):
    write_scene(tmp_path / 's.tif')
    model, settings = stub_model(), Settings(32, 16)
    _, complete, _ = run(model, tmp_path / 's.tif', settings)
    top, rows, _ = run(model, tmp_path / 's.tif', settings, first)
    assert top == first and np.array_equal(rows, complete[:, first:])


def test_the_size_of_a_batch_and_the_layout_of_the_file_do_not_matter(tmp_path):
    layouts = [dict(), dict(tiled=True, blockxsize=16, blockysize=48), dict(blockysize=1)]
    results = []
    for number, (layout, batch) in enumerate(zip(layouts, (1, 4, 7), strict=True)):
        write_scene(tmp_path / f'{number}.tif', **layout)
        settings = Settings(32, 16, batch)
        results.append(run(stub_model(), tmp_path / f'{number}.tif', settings)[1])
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-5)


def test_windows_without_data_are_not_computed(tmp_path):
    values = write_scene(tmp_path / 's.tif', 96, 96)
    values[:, 32:] = values[:, :, 64:] = 0
    write_scene(tmp_path / 's.tif', values=values, nodata=0)
    model = stub_model()
    _, logits, valid = run(model, tmp_path / 's.tif', Settings(32, 0))
    assert model.network.windows == 2
    assert valid[:32, :64].all() and valid.sum() == 32 * 64
    assert (logits[:, 32:] == 0).all()
    np.testing.assert_allclose(logits[:, :32, :32], by_hand(model, values[:, :32, :32], 32, 1))


def test_an_area_changes_no_label_inside_it(tmp_path):
    write_scene(tmp_path / 's.tif')
    area = tmp_path / 'area.geojson'
    ring = '[[500005,5399995],[500030,5399990],[500012,5399970],[500005,5399995]]'
    named = '"crs": {"properties": {"name": "EPSG:32632"}}'
    area.write_text(f'{{"type": "Polygon", "coordinates": [{ring}], {named}}}')
    settings = Settings(32, 16)
    _, complete, _ = run(stub_model(), tmp_path / 's.tif', settings)
    _, logits, valid = run(stub_model(), tmp_path / 's.tif', settings, area=area)
    assert 0.05 < valid.mean() < 0.5
    np.testing.assert_allclose(logits[:, valid], complete[:, valid], atol=1e-5)


@pytest.mark.parametrize('tta', VIEWS)
def test_augmentation_averages_the_views_turned_back(tta):
    model, crop = stub_model(), torch.rand(3, 20, 28) * 255
    found = predict(model, [crop], Settings(32, 8, tta=tta))[0].numpy()
    views = []
    for turns, mirrored in itertools.product(range(4), (False, True)):
        view = crop.numpy()[:, :, ::-1] if mirrored else crop.numpy()
        view = np.rot90(view, turns, (1, 2)).copy()
        logits = np.rot90(model.logits([torch.from_numpy(view)])[0].numpy(), -turns, (1, 2))
        if tta == 'd4' or turns % 2 == 0:
            views.append(logits[:, :, ::-1] if mirrored else logits)
    assert len(views) == {'flips': 4, 'd4': 8}[tta]
    np.testing.assert_allclose(found, np.mean(views, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('wrong', [(0, 0, 1), (32, 32, 1), (32, -1, 1), (32, 8, 0)])
def test_impossible_windows_are_refused(wrong):
    with pytest.raises(UserError, match='smaller than the window'):
        Settings(*wrong)


def test_a_batch_that_does_not_fit_is_halved(tmp_path, monkeypatch):
    write_scene(tmp_path / 's.tif')
    settings = Settings(32, 16, batch=7)
    _, expected, _ = run(stub_model(), tmp_path / 's.tif', settings)
    limit, sizes, messages = 2, [], []

    def limited(self, images, amp=False):
        if len(images) > limit:
            raise torch.OutOfMemoryError('CUDA out of memory')
        sizes.append(len(images))
        return original(self, images, amp)

    original = TrainedModel.logits
    monkeypatch.setattr(TrainedModel, 'logits', limited)
    monkeypatch.setattr('depthda.inference.predict_scene.warn', messages.append)
    _, logits, _ = run(stub_model(), tmp_path / 's.tif', settings)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert set(sizes) == {1, 2} and len(messages) == 1
    limit = 0
    with pytest.raises(UserError, match='reduce --window'):
        run(stub_model(), tmp_path / 's.tif', settings)
