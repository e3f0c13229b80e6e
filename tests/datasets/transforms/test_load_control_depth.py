"""The controls keep the image and replace depth as documented."""

import numpy as np
import pytest

from depthda.datasets.transforms.load_depth import CONTROLS, LoadControlDepth
from depthda.depth.maps import read_depth, write_depth
from depthda.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for number in range(5):
        write_depth(tmp_path / f'{number}.png', np.full((4, 6), (number + 1) / 10))
    return tmp_path


def load(by: str, path, image: np.ndarray) -> np.ndarray:
    sample = {'img': image.copy(), 'depth_path': path and str(path)}
    return LoadControlDepth(by=by).transform(sample)['img']


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def test_values_of_the_controls_grey_constant_and_none(folder, image):
    out = load('grey', folder / '1.png', image)
    blue, green, red = (image[..., band] / 255 for band in range(3))
    np.testing.assert_allclose(out[..., 3], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-6)
    np.testing.assert_array_equal(out[..., :3], image)
    # Black is a value and not no-data.
    assert (load('grey', folder / '1.png', np.zeros((4, 6, 3), np.uint8))[..., 3] > 0).all()
    assert (load('constant', folder / '1.png', image)[..., 3] == 0.5).all()
    assert (load('none', folder / '1.png', image)[..., 3] == 0).all()


def test_every_map_is_used_once_and_never_for_its_own_tile(folder, image):
    used = []
    for number in range(5):
        depth = load('other-tile', folder / f'{number}.png', image)[..., 3]
        owner = next(n for n in range(5) if (depth == read_depth(folder / f'{n}.png')).all())
        assert owner != number
        used.append(owner)
    assert sorted(used) == list(range(5))


@pytest.mark.parametrize('by', CONTROLS)
def test_images_without_depth_are_unchanged(image, by):
    np.testing.assert_array_equal(load(by, None, image), image)


def test_other_tile_needs_two_maps_and_an_unknown_control_is_refused(tmp_path, image):
    write_depth(tmp_path / '0.png', np.full((4, 6), 0.5))
    with pytest.raises(UserError, match="by='other-tile' needs two or more"):
        load('other-tile', tmp_path / '0.png', image)
    with pytest.raises(UserError, match='other-tile'):
        LoadControlDepth(by='noise')
