"""Depth equals that of the transformers pipeline, and scenes in tiles show no seam."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from tiny_depth_anything import save_tiny, tiny_model
from transformers import AutoImageProcessor, pipeline

from depthda.depth.monocular import estimator as module
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.depth.monocular.preprocessing import Preprocessing, load_preprocessing
from depthda.depth.monocular.tiling import TileGrid
from depthda.errors import UserError

SIDE = 70  # network size of the tiny network


@pytest.fixture
def workers():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def noise(height, width, seed=0):
    """Return an image with structure at several scales."""
    rng = np.random.default_rng(seed)
    layers = [
        Image.fromarray(rng.integers(0, 256, (height // n + 1, width // n + 1, 3), np.uint8))
        for n in (2, 7, 20)
    ]
    sized = [np.asarray(layer.resize((width, height), Image.BICUBIC), float) for layer in layers]
    return np.rint(np.mean(sized, 0)).astype(np.uint8)


@pytest.mark.parametrize('size', [(70, 70), (96, 96), (60, 100), (140, 90)])
def test_whole_images_have_the_depth_of_the_transformers_pipeline(folder, estimator, size):
    image = noise(*size)
    processor = AutoImageProcessor.from_pretrained(str(folder), backend='pil')
    network = pipeline(
        'depth-estimation', model=str(folder), image_processor=processor, device='cpu'
    )
    reference = network(Image.fromarray(image))
    expected = reference['predicted_depth'].numpy()
    (depth,) = estimator.whole([estimator.preprocessing(image)], [size])
    assert depth.shape == size and expected.std() > 0.1
    assert spearmanr(depth.ravel(), expected.ravel()).statistic > 0.9999
    np.testing.assert_allclose(depth, expected, atol=1e-5)
    # Scaled from minimum to maximum, it is the picture that the pipeline makes.
    picture = np.asarray(reference['depth'], float)
    scaled = (depth - depth.min()) / (depth.max() - depth.min()) * 255
    assert np.abs(scaled - picture).max() < 1.01


def test_other_images_of_a_batch_change_no_bit_on_the_cpu(estimator):
    images = [estimator.preprocessing(noise(70, 70, seed)) for seed in range(5)]
    sizes = [(70, 70)] * 5
    together = estimator.whole(images, sizes)
    alone = [estimator.whole([image], [(70, 70)])[0] for image in images]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)
    # The test can fail: estimating all images in one batch gives other bits.
    with torch.inference_mode():
        batch = estimator.model(torch.stack(images)).predicted_depth.numpy()
    assert any((a != b).any() for a, b in zip(batch, alone, strict=True))
    np.testing.assert_allclose(batch, alone, atol=1e-4)


def test_bfloat16_does_not_leave_steps_in_the_depth(folder, estimator):
    image = estimator.preprocessing(noise(70, 70))
    (exact,) = estimator.whole([image], [(70, 70)])
    (rounded,) = DepthEstimator.load(str(folder), bf16=True).whole([image], [(70, 70)])
    assert 0 < np.abs(rounded - exact).max() < 0.2 * np.ptp(exact)
    # As many levels as pixels, except those that the last activation set to 0.
    assert len(np.unique(rounded)) > 0.95 * (rounded > 0).sum() > 1000
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16):
        plain = estimator.model(image[None]).predicted_depth
    assert len(plain.unique()) < 0.6 * (plain > 0).sum()  # with the head in bfloat16


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_the_gpu_returns_the_depth_of_the_cpu(folder, estimator):
    images = [estimator.preprocessing(noise(70, 70, seed)) for seed in range(5)]
    sizes = [(70, 70)] * 5
    exact = np.stack(estimator.whole(images, sizes))
    for bf16, error in ((False, 0.01), (True, 0.2)):
        gpu = DepthEstimator.load(str(folder), 'cuda', bf16)
        depth = np.stack(gpu.whole(images, sizes))
        assert np.abs(depth - exact).max() < error * np.ptp(exact)
        np.testing.assert_array_equal(depth, np.stack(gpu.whole(images, sizes)))


def test_the_error_of_a_batch_that_does_not_fit_names_what_to_lower(folder, monkeypatch):
    estimator = DepthEstimator.load(str(folder))

    def full(*args, **kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(estimator.model, 'forward', full)
    with pytest.raises(
        UserError, match='batch of 1 image of 70×70 pixels does not fit .*--batch-size'
    ):
        estimator.whole([estimator.preprocessing(noise(70, 70))], [(70, 70)])


def test_the_size_of_the_network_can_be_chosen(folder):
    larger = DepthEstimator.load(str(folder), size=98)
    assert larger.preprocessing(noise(200, 200)).shape == (3, 98, 98)
    with pytest.raises(UserError, match='size 100 does not fit the patches'):
        DepthEstimator.load(str(folder), size=100)


class Field:
    """A stand-in for the network: returns the true field, with a random scale and shift per view.

    The image encodes the field in its red and green band. Where blue is set, every view returns
    another random value.
    """

    def __init__(self, slope=0.0, seed=0):
        self.rng = np.random.default_rng(seed)
        self.slope = slope

    def __call__(self, inputs):
        views = []
        for view in inputs:
            field = view[0] * 256 + view[1]
            height, width = field.shape
            across = torch.linspace(-1, 1, width) ** 2 * torch.linspace(-1, 1, height)[:, None]
            bias = self.slope * float(self.rng.normal()) * across
            field = torch.where(view[2] > 0, float(self.rng.normal(0, 1e5)), field)
            views.append((field + bias) * self.rng.uniform(0.3, 3) + self.rng.normal(0, 40000))
        return torch.stack(views).float()


def field_estimator(monkeypatch, **kwargs):
    plain = Preprocessing(SIDE, SIDE, 14, True, Image.BICUBIC, 1.0, (0, 0, 0), (1, 1, 1))
    estimator = DepthEstimator(tiny_model(), plain)
    monkeypatch.setattr(estimator, '_network', Field(**kwargs))
    return estimator


def smooth(size):
    y, x = np.mgrid[:size, :size] / size
    return (np.sin(5 * x + 2 * y) + np.cos(4 * y - x) + x) / 6 + 0.4


def as_image(field):
    codes = np.rint(field * 60000).astype(int)
    return np.dstack([codes // 256, codes % 256, 0 * codes]).astype(np.uint8)


def seam(depth, grid):
    """Return the largest step where tiles overlap, relative to the largest elsewhere."""
    inside, outside = [], []
    for axis, ends in ((0, (0, 2)), (1, (1, 3))):
        steps = np.abs(np.diff(depth, axis=axis)).max(1 - axis)
        spans = sorted({(box[ends[0]], box[ends[1]]) for box in grid.boxes})
        shared = np.zeros(len(steps), bool)
        for (_, stop), (start, _) in zip(spans, spans[1:], strict=False):
            shared[start - 1 : stop] = True
        inside.append(steps[shared].max())
        outside.append(steps[~shared].max())
    return max(inside) / max(outside)


def unaligned(tiles, boxes, coarse, valid=None):
    return np.ones(len(tiles)), np.zeros(len(tiles))


def min_to_max(tiles, boxes, coarse, valid=None):
    low, high = np.array([(tile.min(), tile.max()) for tile in tiles]).T
    return 1 / (high - low), -low / (high - low)


@pytest.mark.parametrize('slope', [0, 300])
def test_a_smooth_scene_of_four_times_the_size_shows_no_seam(monkeypatch, workers, slope):
    field = smooth(4 * SIDE)
    grid = TileGrid(*field.shape, SIDE, 18)
    estimator = field_estimator(monkeypatch, slope=slope)
    depth = estimator.tiled(as_image(field), grid, 4, workers)
    assert len(grid.boxes) == 36 and depth.shape == field.shape
    assert seam(field, grid) < 1.2
    assert seam(depth, grid) < 1.5
    assert np.corrcoef(depth.ravel(), field.ravel())[0, 1] > 0.999
    # The test can fail: without alignment there are seams, or the scene is lost.
    monkeypatch.setattr(module, 'align_tiles', unaligned)
    assert seam(estimator.tiled(as_image(field), grid, 4, workers), grid) > 3
    monkeypatch.setattr(module, 'align_tiles', min_to_max)
    patchwork = estimator.tiled(as_image(field), grid, 4, workers)
    assert np.corrcoef(patchwork.ravel(), field.ravel())[0, 1] < 0.9


def test_pixels_without_data_do_not_affect_the_others(monkeypatch, workers):
    field = smooth(4 * SIDE)
    image = as_image(field)
    valid = np.ones(field.shape, bool)
    valid[60:200, 90:230] = False
    image[~valid] = 0, 0, 255
    grid = TileGrid(*field.shape, SIDE, 18)
    estimator = field_estimator(monkeypatch)
    depth = estimator.tiled(image, grid, 4, workers, valid)
    assert np.corrcoef(depth[valid], field[valid])[0, 1] > 0.995
    misled = estimator.tiled(image, grid, 4, workers)
    assert np.corrcoef(misled[valid], field[valid])[0, 1] < 0.9


def test_the_batch_size_of_tiles_changes_nothing(estimator, workers):
    image = noise(150, 220)
    grid = TileGrid(150, 220, SIDE, 18)
    first, second = (estimator.tiled(image, grid, batch, workers) for batch in (1, 7))
    np.testing.assert_array_equal(first, second)


def test_tiles_larger_than_the_network_size_are_shrunk(estimator, workers):
    # Each tile is halved, so structure of two pixels is lost, and larger structure stays.
    image = noise(280, 280).repeat(2, 0).repeat(2, 1)[:280, :280]
    halved = np.asarray(Image.fromarray(image).resize((140, 140), Image.BICUBIC))
    large = estimator.tiled(image, TileGrid(280, 280, 2 * SIDE, 36), 4, workers)
    small = estimator.tiled(halved, TileGrid(140, 140, SIDE, 18), 4, workers)
    shrunk = np.asarray(Image.fromarray(large).resize((140, 140), Image.BOX))
    assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.95


def test_a_metric_model_and_another_kind_of_model_are_refused(tmp_path):
    save_tiny(tmp_path / 'metric', depth_estimation_type='metric')
    with pytest.raises(UserError, match='metric Depth Anything model, whose output increases'):
        DepthEstimator.load(str(tmp_path / 'metric'))
    save_tiny(tmp_path / 'other')
    config = (tmp_path / 'other/config.json').read_text()
    (tmp_path / 'other/config.json').write_text(
        config.replace('"model_type": "depth_anything"', '"model_type": "dpt"')
    )
    with pytest.raises(
        UserError, match="^The weights '.*other' are for a dpt model, not for Depth"
    ):
        DepthEstimator.load(str(tmp_path / 'other'))


def test_a_multiple_that_does_not_fit_the_patches_is_refused(tmp_path):
    save_tiny(tmp_path)
    path = tmp_path / 'preprocessor_config.json'
    path.write_text(path.read_text().replace('"ensure_multiple_of": 14', '"ensure_multiple_of": 8'))
    assert load_preprocessing(str(tmp_path)).multiple == 8
    with pytest.raises(UserError, match='correct ensure_multiple_of'):
        DepthEstimator.load(str(tmp_path))
