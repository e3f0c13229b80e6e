from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmseg.structures import SegDataSample

from depthda.engine.run_sampler import RunSampler
from depthda.errors import UserError
from depthda.pictures.browse import SampleSource, ShownSample, deal, draw_sheets, open_source
from depthda.pictures.colours import of_depth

ROOT = Path(__file__).parents[2]


def config(name, data):
    cfg = Config.fromfile(ROOT / 'configs' / 'sample' / f'{name}.py')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = str(data)
    return cfg


def test_samples_equal_those_of_a_run_with_this_seed(sample):
    cfg = config('depthda_tiny_u2r', sample)
    source = open_source(cfg, 'x', 'train')
    shown = list(deal(source, 5, 1, seed=3))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    for view, key in zip(shown, RunSampler(dataset, seed=3), strict=False):
        packed = dataset[key]
        inputs = packed['inputs'].numpy()
        # mmcv loads B, G, R; depth comes last.
        np.testing.assert_array_equal(view.image[..., 0], inputs[2].astype(np.uint8))
        np.testing.assert_array_equal(view.image[..., 2], inputs[0].astype(np.uint8))
        np.testing.assert_array_equal(view.depth, inputs[3])
        np.testing.assert_array_equal(view.label, packed['data_samples'].gt_sem_seg.data[0])
        stem = Path(dataset.get_data_info(key)['img_path']).stem
        assert view.title == f'{stem} · Train · Urban · 128×128'
    assert len({view.title for view in shown}) == 5
    assert source.title == f'x, train: {len(dataset)} images'


def test_repetitions_are_different_augmentations_of_the_same_image(sample):
    source = open_source(config('depthda_tiny_u2r', sample), 'x', 'train')
    # At 128² the crop is the complete image, so only the flip differs: one of four.
    shown = list(deal(source, 2, 12, seed=0))
    for group in (shown[:12], shown[12:]):
        assert len({view.title for view in group}) == 1
        distinct = {view.image.tobytes(): view for view in group}
        assert len(distinct) > 1
        for view in distinct.values():
            flipped = [view.image, view.image[::-1], view.image[:, ::-1], view.image[::-1, ::-1]]
            assert any(np.array_equal(image, group[0].image) for image in flipped)
    (first, second) = (list(deal(source, 2, 1, seed=0)), [shown[0], shown[12]])
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))


def test_a_dataset_or_a_model_without_depth_has_no_depth_column(sample):
    (view,) = deal(open_source(config('upernet_tiny_u2r', sample), 'x', 'test'), 1, 1, seed=0)
    assert view.depth is None and view.image.shape == (128, 128, 3)
    cfg = config('depthda_tiny_u2r', sample)
    cfg.model.data_preprocessor.depth = 'drop'
    (view,) = deal(open_source(cfg, 'x', 'test'), 1, 1, seed=0)
    assert view.depth is None
    # Of the translations, only those with a depth loss read depth.
    for name, reads in (('drdg_tiny', True), ('cyclegan_resnet-tiny', False)):
        cfg = Config.fromfile(ROOT / f'configs/sample/{name}_u2r.py')
        for half in ('source', 'target'):
            cfg.train_dataloader.dataset[half].data_root = str(sample)
        views = list(deal(open_source(cfg, 'x', 'train'), 1, 1, seed=0))
        assert [view.depth is not None for view in views] == [reads, reads]


class FourBands:
    """Images of B, G, R, near infrared and depth, from a 12-bit sensor."""

    metainfo = dict(classes=('a',), palette=[[1, 2, 3]])

    def __len__(self):
        return 1

    def get_data_info(self, index):
        return dict(img_path='/data/7_RGBIR.tif')

    def __getitem__(self, index):
        levels = torch.linspace(0, 4000, 10 * 12).view(1, 10, 12)
        bands = [levels * share for share in (0.25, 0.5, 1, 0.75)]
        return dict(inputs=torch.cat([*bands, 0 * levels + 0.5]), data_samples=SegDataSample())


def test_four_bands_of_another_range_become_a_colour_image_and_a_grey_image():
    (view,) = deal(SampleSource(FourBands(), 4, False, 'x'), 1, 1, seed=0)
    assert view.title == '7_RGBIR · 12×10' and view.label is None
    assert (view.depth == 0.5).all()
    # One stretch for the three colours: red has twice the range of green.
    assert view.image[..., 0].max() == 255 and view.image.min() == 0
    middle = view.image[-1, 0].astype(int)
    assert middle[0] / middle[1] == pytest.approx(2, rel=0.05)
    assert (view.fourth == view.fourth[..., :1]).all() and view.fourth.max() == 255


def test_mistakes_are_explained(sample):
    cfg = config('depthda_tiny_u2r', sample)
    cfg.val_dataloader = None
    with pytest.raises(UserError, match='x has no val_dataloader'):
        open_source(cfg, 'x', 'val')
    cfg.model.data_preprocessor.mean = [0] * 5
    with pytest.raises(UserError, match='has 4 channels .* expects 5 optical bands'):
        next(deal(open_source(cfg, 'x', 'test'), 1, 1, seed=0))


def test_a_sheet_shows_eight_samples(tmp_path, sample):
    source = open_source(config('depthda_tiny_u2r', sample), 'x', 'train')
    image = np.full((32, 32, 3), (10, 200, 30), np.uint8)
    view = ShownSample('one', image, None, None, None)
    paths = draw_sheets(tmp_path / 'a', source, [view] * 11, 'train')
    assert [path.name for path in paths] == ['train-1.png', 'train-2.png']
    for path, number in zip(paths, (8, 3), strict=True):
        sheet = cv2.imread(str(path))[..., ::-1]
        green = (sheet == (10, 200, 30)).all(-1).astype(np.uint8)
        assert cv2.connectedComponents(green)[0] - 1 == number


def test_a_sheet_shows_the_columns_that_exist(tmp_path, sample):
    source = open_source(config('depthda_tiny_u2r', sample), 'x', 'train')
    green, red = (np.full((32, 32, 3), c, np.uint8) for c in ((10, 200, 30), (220, 20, 10)))
    label = np.full((32, 32), 3)  # water: blue, over the grey image
    label[:4] = 255
    depth = np.full((32, 32), 0.5, np.float32)
    blue = (0.35 * green.mean(-1)[0, 0], 0.35 * green.mean(-1)[0, 0], 0.65 * 255 + 28)
    (path,) = draw_sheets(tmp_path, source, [ShownSample('one', green, red, depth, label)], 'all')
    sheet = cv2.imread(str(path))[..., ::-1].astype(int)

    def centre(colour):
        return np.argwhere((np.abs(sheet - colour) < 4).all(-1))[:, 1].mean()

    magma = of_depth(depth, (0, 1))[0, 0]
    order = [centre(colour) for colour in ((10, 200, 30), (220, 20, 10), magma, blue)]
    assert order == sorted(order) and np.diff(order).min() > 50
