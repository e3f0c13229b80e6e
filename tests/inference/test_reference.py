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
    labels = rng.integers(0, 4, (60, 50), np.uint8)
    predicted = np.where(rng.random(labels.shape) < 0.7, labels, rng.integers(0, 4, labels.shape))
    labels[:, :5] = 255
    predicted[:4] = 255  # outside the requested area
    return predicted.astype(np.uint8), labels


def scored(folder, predicted, labels, **profile):
    write_raster(folder / 'map.tif', predicted, nodata=255, **PLACE)
    write_raster(folder / 'truth.tif', labels, **PLACE | profile)
    return score_map(folder / 'map.tif', folder / 'truth.tif', CLASSES)


def test_scores_are_those_of_a_test(tmp_path, pair):
    predicted, labels = pair
    report = scored(tmp_path, predicted, labels)
    counted = np.where(predicted == 255, 255, labels)
    metric = SegmentationMetric()
    metric.dataset_meta = dict(classes=CLASSES)
    maps = {
        name: dict(data=torch.from_numpy(part.astype(np.int64))[None])
        for name, part in (('pred_sem_seg', predicted % 255), ('gt_sem_seg', counted))
    }
    metric.process(None, [maps])
    metric.evaluate(1)
    assert report['groups']['all']['means'] == metric.report['groups']['all']['means']
    assert report['groups']['all']['per_class'] == metric.report['groups']['all']['per_class']
    both = counted != 255
    means = report['groups']['all']['means']
    for name, score in (('mIoU', jaccard_score), ('mF1', f1_score)):
        expected = 100 * score(labels[both], predicted[both], average='macro')
        assert means[name] == pytest.approx(expected)


def test_no_data_of_the_labels_does_not_count(tmp_path, pair):
    predicted, labels = pair
    changed = np.where(labels == 255, 99, labels).astype(np.uint8)
    before = scored(tmp_path, predicted, labels)
    assert scored(tmp_path, predicted, changed, nodata=99) == before


def test_labels_that_do_not_fit_are_refused(tmp_path, pair):
    predicted, reference = pair
    moved = dict(transform=from_origin(500_010, 5_400_000, 1, 1))
    cases = [
        (np.where(reference == 2, 7, reference), {}, 'has the value 7: labels must be class'),
        (reference[:-1], {}, 'have different sizes, 50×59 and 50×60'),
        (reference, moved, 'are 10.0 columns'),
        (reference, dict(crs='EPSG:32633'), 'EPSG:32633 and EPSG:32632'),
        (np.dstack([reference] * 3), {}, '3 bands: use a label map with one band'),
        (np.where(predicted == 255, reference, 255), {}, 'has no label where'),
    ]
    for labels, profile, message in cases:
        with pytest.raises(UserError, match=message):
            scored(tmp_path, predicted, labels.astype(np.uint8), **profile)
