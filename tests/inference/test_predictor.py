"""Images in Python: arrays, files and folders give the logits of a test."""

import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from mmengine.dataset import Compose
from stub_model import CLASSES, stub_model
from tiny_depth_anything import save_tiny
from tiny_rasters import write_raster

from depthda.depth.maps import write_depth
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.errors import UserError
from depthda.inference.predict_scene import Settings
from depthda.inference.predictor import Predictor

ONE = Settings(64, 32)  # the whole image in a window


@pytest.fixture
def colours():
    """Return a smooth image of 40 × 50 pixels whose bands differ, red first."""
    y, x = np.mgrid[:40, :50]
    bands = [120 + 100 * np.sin(x / 9), 90 + 80 * np.cos(y / 7), 60 + (x + y) * 1.5]
    return np.stack(bands, -1).astype(np.uint8)


def as_tested(model, path, load='LoadImageFromFile'):
    """Return the logits of a file as a config loads it for testing."""
    inputs = Compose([dict(type=load), dict(type='PackSegInputs', meta_keys=())])
    return model.logits([inputs(dict(img_path=str(path)))['inputs']])[0]


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_a_file_gives_what_testing_gives(tmp_path, colours, suffix):
    path = write_raster(tmp_path / f'a{suffix}', colours)
    model = stub_model()
    prediction = Predictor(model, ONE)(path)
    expected = as_tested(model, path)
    assert prediction.classes == CLASSES and prediction.labels.dtype == np.uint8
    np.testing.assert_allclose(prediction.probabilities, expected.softmax(0).numpy(), atol=1e-5)
    assert np.array_equal(prediction.labels, expected.argmax(0).numpy())
    assert len(np.unique(prediction.labels)) > 2


def test_a_jpeg_gives_what_testing_gives(tmp_path, colours):
    """GDAL and OpenCV differ by 1 in a few values, and by more if chroma is subsampled."""
    model, path = stub_model(), tmp_path / 'a.jpg'
    PIL.Image.fromarray(colours).save(path, quality=95, subsampling=0)
    prediction, expected = Predictor(model, ONE)(path), as_tested(model, path)
    off = np.abs(prediction.probabilities - expected.softmax(0).numpy())
    assert off.max() < 0.1 and off.mean() < 1e-3
    assert (prediction.labels != expected.argmax(0).numpy()).mean() < 0.005


def test_files_of_16_bits_keep_their_values(tmp_path, colours):
    model = stub_model()
    model.network.data_preprocessor.mean.fill_(12_000)
    model.network.data_preprocessor.std.fill_(6_000)
    deep = colours.astype(np.uint16) * 120 + 7
    predictor = Predictor(model, ONE)
    expected = as_tested(model, write_raster(tmp_path / 'a.tif', deep), 'LoadMultibandImage')
    PIL.Image.fromarray(colours).save(tmp_path / 'small.png')
    for image in (tmp_path / 'a.tif', deep, write_raster(tmp_path / 'b.png', deep)):
        prediction = predictor(image)
        np.testing.assert_allclose(prediction.probabilities, expected.softmax(0).numpy(), atol=1e-5)
    assert expected.softmax(0).max() < 0.9999  # not saturated, so values matter
    with pytest.raises(UserError, match='uint8, but this model was trained on uint16'):
        predictor(tmp_path / 'small.png')


def test_arrays_have_red_first_and_another_order_changes_the_prediction(tmp_path, colours):
    model = stub_model()
    expected = as_tested(model, write_raster(tmp_path / 'a.png', colours)).softmax(0).numpy()
    predictor = Predictor(model, ONE)
    for array in (colours, colours.astype(np.float32), colours.astype(np.uint16)):
        np.testing.assert_allclose(predictor(array).probabilities, expected, atol=1e-5)
    other = predictor(cv2.cvtColor(colours, cv2.COLOR_RGB2BGR)).probabilities
    assert np.abs(other - expected).max() > 0.1


def test_batches_and_folders_give_the_same(tmp_path, colours):
    names = ('a.png', 'sub/b.tif', 'sub/c.jpg')
    images = [np.roll(colours, 7 * k, 1)[: 40 - k, : 50 - 2 * k] for k in range(3)]
    paths = [
        write_raster(tmp_path / name, image) for name, image in zip(names, images, strict=True)
    ]
    predictor = Predictor(stub_model())
    single = [predictor(path) for path in paths]
    for many in (predictor.batch(paths), [part for _, part in predictor.folder(tmp_path)]):
        assert [part.labels.shape for part in many] == [(40, 50), (39, 48), (38, 46)]
        for one, other in zip(single, many, strict=True):
            assert np.array_equal(one.probabilities, other.probabilities)
    assert [path for path, _ in predictor.folder(tmp_path)] == paths
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='contains no images'):
        next(predictor.folder(tmp_path / 'empty'))


def test_no_data_of_a_file_has_no_class(tmp_path, colours):
    colours[:10, :20] = 0
    path = write_raster(tmp_path / 'a.tif', colours, nodata=0)
    prediction = Predictor(stub_model(), ONE)(path)
    assert (prediction.labels[:10, :20] == 255).all() and (prediction.labels[10:] < 4).all()


def test_depth_comes_from_an_array_a_file_or_a_network(tmp_path, colours):
    model = stub_model(True)
    y, x = np.mgrid[:40, :50]
    depth = ((x + y) / 100).astype(np.float32)  # 0, no depth, in a corner
    stacked = np.concatenate([colours[..., ::-1], depth[..., None]], -1, dtype=np.float32)
    expected = model.logits([torch.from_numpy(stacked.transpose(2, 0, 1).copy())])[0].softmax(0)
    write_depth(tmp_path / 'd.png', depth)
    predictor = Predictor(model, ONE)
    for source in (depth, tmp_path / 'd.png'):
        np.testing.assert_allclose(predictor(colours, source).probabilities, expected, atol=1e-3)
    both = predictor.batch([colours, colours], [depth, np.flip(depth).copy()])
    assert np.abs(both[0].probabilities - both[1].probabilities).max() > 0.01

    estimator = DepthEstimator.load(str(save_tiny(tmp_path / 'weights')))
    raw = estimator.whole([estimator.preprocessing(colours)], [(40, 50)])[0]
    relative = np.maximum((raw - raw.min()) / (raw.max() - raw.min()), 1 / 65535)
    prediction = Predictor(model, ONE, estimator)(colours)
    passed = predictor(colours, relative.astype(np.float32))
    np.testing.assert_allclose(prediction.probabilities, passed.probabilities, atol=1e-5)


def test_what_does_not_fit_the_model_is_refused(tmp_path, colours):
    path = write_raster(tmp_path / 'two.tif', colours[..., :2])
    without, with_depth = Predictor(stub_model(), ONE), Predictor(stub_model(True), ONE)
    cases = [
        (without, (path,), 'has 2 bands, but this model reads 3: use an image'),
        (without, (colours[..., :2],), 'the array has 2 bands'),
        (without, (colours / 255,), 'do not rescale'),
        (without, (colours.astype(np.uint16) * 9,), '8 bits'),
        (without, (tmp_path / 'none.png',), 'No such file'),
        (with_depth, (colours,), r'this model reads depth'),
        (
            with_depth,
            (colours, np.ones((40, 49), np.float32)),
            '49 × 40 pixels, but the array has 50 × 40',
        ),
        (with_depth, (colours, np.full((40, 50), 1.5)), r'depth must be from 0 \(no depth\) to 1'),
    ]
    for predictor, arguments, message in cases:
        with pytest.raises(UserError, match=message):
            predictor(*arguments)
    with pytest.raises(UserError, match='2 images, but 1 depth map'):
        with_depth.batch([colours, colours], [np.ones((40, 50))])
