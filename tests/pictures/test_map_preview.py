"""A preview shows the map in the colours of its classes, with a correct scale bar."""

import numpy as np
import PIL.Image
import pytest
from rasterio.transform import from_origin
from tiny_rasters import write_raster

from depthda.pictures import map_preview
from depthda.pictures.map_preview import draw_map, shares_of

CLASSES = ('water', 'forest', 'field', 'roof')
PALETTE = ((0, 0, 255), (0, 128, 0), (255, 200, 100), (255, 0, 0))


def drawn(folder, labels, crs='EPSG:32632', pixel=0.5, corner=(500_000, 5_400_000)):
    """Return the picture of labels as an array."""
    georeference = dict(crs=crs, transform=from_origin(*corner, pixel, pixel)) if crs else {}
    write_raster(folder / 'map.tif', labels, nodata=255, **georeference)
    pixels = {name: int((labels == value).sum()) for value, name in enumerate(CLASSES)}
    draw_map(folder / 'map.tif', folder / 'map.png', CLASSES, PALETTE, shares_of(pixels))
    with PIL.Image.open(folder / 'map.png') as picture:
        picture.verify()
    return np.array(PIL.Image.open(folder / 'map.png').convert('RGB'))


def same(picture, colour):
    return (picture == colour).all(-1)


@pytest.fixture
def labels():
    values = np.zeros((60, 90), np.uint8)
    values[:, 30:60] = 1
    values[:20, 60:], values[20:40, 60:], values[40:, 60:] = 3, 1, 255
    return values


def split(picture):
    """Return the map and, to its right, the legend."""
    water = same(picture, PALETTE[0])
    columns = np.flatnonzero(water.sum(0) > picture.shape[0] / 3)
    left, width = columns[0], (columns[-1] - columns[0] + 1) * 3  # the water is a third
    rows = np.flatnonzero(water[:, columns[-5]])  # the bar ends further left
    return picture[rows[0] : rows[-1], left : left + width], picture[:, left + width + 10 :]


def test_the_map_and_the_legend_have_the_colours_of_the_classes(tmp_path, labels):
    shown, legend = split(drawn(tmp_path, labels))
    counts = [same(shown, colour).sum() for colour in PALETTE]
    assert counts[1] / counts[3] == pytest.approx(4, rel=0.03) and counts[2] == 0
    assert 0.8 < counts[0] / counts[3] / 3 < 1  # the bar covers some of the water
    listed = [same(legend, colour).sum() > 50 for colour in PALETTE]
    assert listed == [True, True, False, True]
    order = [np.flatnonzero(same(legend, PALETTE[value]).any(1))[0] for value in (0, 1, 3)]
    assert order == sorted(order)


def test_no_data_is_striped(tmp_path, labels):
    from depthda.pictures.colours import DARK, LIGHT

    shown, legend = split(drawn(tmp_path, labels))
    for colour in (LIGHT, DARK):
        assert same(shown, colour).sum() > 100
    assert same(legend, LIGHT).sum() > 50
    shown, legend = split(drawn(tmp_path, labels % 4))
    assert not same(shown, LIGHT).any() and not same(legend, LIGHT).any()


@pytest.mark.parametrize(
    'georeference, metres',
    [
        (dict(pixel=0.5), 45),
        (dict(pixel=33.0), 2970),
        (dict(crs='EPSG:2225', pixel=3.0, corner=(6_000_000, 2_000_000)), 270 * 1200 / 3937),
        # A parallel of 60° is half as long as the equator (to a few permille on the ellipsoid).
        (dict(crs='EPSG:4326', pixel=0.001, corner=(9, 60)), 0.09 * 111_320 / 2),
    ],
)
def test_the_bar_has_a_round_length_on_the_ground(
    tmp_path, labels, georeference, metres, monkeypatch
):
    texts, draw = [], map_preview._scale_bar

    def record(axis, *args):
        draw(axis, *args)
        texts.extend(text.get_text() for text in axis.texts)

    monkeypatch.setattr(map_preview, '_scale_bar', record)
    shown, _ = split(drawn(tmp_path, labels, **georeference))
    # Rows of text have black runs too, which are shorter.
    dark = (shown.max(-1) < 60)[3:-3, 3:-3].astype(np.uint8)  # without the frame
    longest = max(len(run) for row in dark for run in bytes(row + 46).split(b'.'))
    number, unit = texts[0].split()
    length = float(number) * {'m': 1, 'km': 1000}[unit]
    assert number[0] in '125' and set(number[1:]) <= {'0', '.'}
    assert longest / shown.shape[1] == pytest.approx(length / metres, rel=0.05)


def test_without_a_georeference_there_is_no_bar(tmp_path, labels):
    shown, _ = split(drawn(tmp_path, labels, crs=None))
    assert not (shown.max(-1) < 60)[5:-5, 5:-5].any()


def test_a_large_map_is_drawn_from_fewer_pixels(tmp_path):
    labels = np.zeros((30, 3000), np.uint8)
    labels[:, 1000:] = 1
    labels[:, 2000:] = 3
    picture = drawn(tmp_path, labels)
    assert picture.shape[1] < 2000
    counts = [same(picture, PALETTE[value]).sum() for value in (1, 3)]
    assert counts[0] / counts[1] == pytest.approx(1, rel=0.15)
