"""Scores of a map equal those that a test computes from the same labels."""

import numpy as np
import pytest
import torch
from rasterio.transform import from_origin
from sklearn.metrics import f1_score, jaccard_score
from tiny_rasters import write_raster

from depthda.errors import UserError
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.inference.reference import score_map

CLASSES = ['water', 'forest', 'field', 'roof']
PLACE = dict(crs='EPSG:32632', transform=from_origin(500_000, 5_400_000, 1, 1))


@pytest.fixture
def pair():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, (60, 50), np.uint8)
    found = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, 4, truth.shape))
    truth[:, :5] = 255
    found[:4] = 255  # outside the area that was asked for
    return found.astype(np.uint8), truth


def scored(folder, found, truth, **profile):
    write_raster(folder / 'map.tif', found, nodata=255, **PLACE)
    write_raster(folder / 'truth.tif', truth, **PLACE | profile)
    return score_map(folder / 'map.tif', folder / 'truth.tif', CLASSES)


def test_scores_are_those_of_a_test(tmp_path, pair):
    found, truth = pair
    report = scored(tmp_path, found, truth)
    counted = np.where(found == 255, 255, truth)
    metric = SegmentationMetric()
    metric.dataset_meta = dict(classes=CLASSES)
    maps = {
        name: dict(data=torch.from_numpy(part.astype(np.int64))[None])
        for name, part in (('pred_sem_seg', found % 255), ('gt_sem_seg', counted))
    }
    metric.process(None, [maps])
    metric.evaluate(1)
    assert report['groups']['all']['means'] == metric.report['groups']['all']['means']
    assert report['groups']['all']['per_class'] == metric.report['groups']['all']['per_class']
    both = counted != 255
    means = report['groups']['all']['means']
    for name, score in (('mIoU', jaccard_score), ('mF1', f1_score)):
        expected = 100 * score(truth[both], found[both], average='macro')
        assert means[name] == pytest.approx(expected)


def test_no_data_of_the_labels_does_not_count(tmp_path, pair):
    found, truth = pair
    changed = np.where(truth == 255, 99, truth).astype(np.uint8)
    before = scored(tmp_path, found, truth)
    assert scored(tmp_path, found, changed, nodata=99) == before


def test_labels_that_do_not_fit_are_refused(tmp_path, pair):
    found, truth = pair
    moved = dict(transform=from_origin(500_010, 5_400_000, 1, 1))
    cases = [
        (np.where(truth == 2, 7, truth), {}, 'has the value 7: labels are indices'),
        (truth[:-1], {}, 'have different sizes, 50×59 and 50×60'),
        (truth, moved, 'are 10.0 columns'),
        (truth, dict(crs='EPSG:32633'), 'EPSG:32633 and EPSG:32632'),
        (np.dstack([truth] * 3), {}, '3 bands: give labels as one band'),
        (np.where(found == 255, truth, 255), {}, 'has no label where'),
    ]
    for labels, profile, message in cases:
        with pytest.raises(UserError, match=message):
            scored(tmp_path, found, labels.astype(np.uint8), **profile)
