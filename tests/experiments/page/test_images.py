import shutil

import cv2
import numpy as np
import pytest
from page_runs import write_data, write_run

from depthda.errors import UserError
from depthda.experiments.page.images import RunImages
from depthda.experiments.page.runs import open_runs


@pytest.fixture
def images(made, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # not the folder where the run was started
    (run,) = open_runs([made / 'work/rgbd'])
    return RunImages(run)


def test_images_labels_and_depth_are_found_from_any_folder(images, made):
    assert len(images.by_key) == 6
    info = images.by_key['Rural/images_png/21.png']
    folder = made / 'data/Test/Rural'
    image = cv2.imread(str(folder / 'images_png/21.png'))[..., ::-1]
    np.testing.assert_array_equal(images.image(info), image)
    label = cv2.imread(str(folder / 'masks_png/21.png'), 0)
    np.testing.assert_array_equal(images.label(info), np.where(label == 0, 255, label - 1))
    codes = cv2.imread(str(folder / 'rdepth/fake/21.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(images.depth(info), codes / 65535, atol=1e-6)
    assert (images.depth(info)[0] == 0).all()


def test_a_run_without_depth_has_none(made):
    (run,) = open_runs([made / 'work/rgb'])
    images = RunImages(run)
    assert images.depth(images.infos[0]) is None


def test_images_with_more_than_8_bits_are_stretched(images, made, tmp_path):
    info = dict(images.infos[0])
    wide = np.linspace(0, 3000, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'wide.png'), wide)
    images.dataset_cfg['pipeline'][0] = dict(type='LoadImageFromFile', color_type='unchanged')
    shown = images.image(info | dict(img_path=str(tmp_path / 'wide.png')))
    assert shown.dtype == np.uint8 and shown.min() == 0 and shown.max() == 255
    assert 120 < np.median(shown) < 135


def test_moved_data_is_reported_in_one_sentence(tmp_path):
    write_data(tmp_path / 'data')
    folder = write_run(tmp_path, 'rgb', wrong=0.5, depth=None)
    shutil.move(tmp_path / 'data', tmp_path / 'elsewhere')
    (run,) = open_runs([folder])
    with pytest.raises(UserError, match='data, the data folder in the config .* no longer exists'):
        _ = RunImages(run).infos


def test_a_test_dataset_that_has_changed_is_reported(tmp_path):
    write_data(tmp_path / 'data')
    folder = write_run(tmp_path, 'rgb', wrong=0.5, depth=None)
    (run,) = open_runs([folder])
    for part in ('images_png', 'masks_png'):
        (tmp_path / 'data/Test/Rural' / part / '20.png').unlink()
    with pytest.raises(UserError, match='now has 5 images, but had 6'):
        _ = RunImages(run).by_key
