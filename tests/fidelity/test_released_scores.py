"""Scores of DRDG's released code: means over batches of 32, and those of the whole dataset."""

import numpy as np
import pytest
import torch

from depthda.evaluation.segmentation_metric import SegmentationMetric

CLASSES = ('a', 'b', 'c', 'd', 'e', 'f')
EPS = 1e-5


def released_scores(truth, found, batch=32):
    """Compute IoU and F1 of each class as means over batches, without removing ignored pixels."""
    scores = []
    for first in range(0, len(truth), batch):
        t, f = truth[first : first + batch], found[first : first + batch]
        of_batch = []
        for c in range(len(CLASSES)):
            both, either = np.sum((t == c) & (f == c)), np.sum((t == c) | (f == c))
            sizes = np.sum(t == c) + np.sum(f == c)
            of_batch.append([(both + EPS) / (either + EPS), (2 * both + EPS) / (sizes + EPS)])
        scores.append(of_batch)
    return 100 * np.mean(scores, 0)


def test_per_batch_scores_are_as_released():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, (70, 8, 8))
    truth[64:][rng.random((6, 8, 8)) < 0.2] = 255
    truth[:32][truth[:32] == 4] = 3  # absent from the first batch; class 5 is absent from all
    found = np.where(rng.random(truth.shape) < 0.6, truth % 5, rng.integers(0, 5, truth.shape))
    found[:32][found[:32] == 4] = 0
    metric = SegmentationMetric(aggregate='per_batch')
    metric.dataset_meta = dict(classes=CLASSES)
    for index, (label, prediction) in enumerate(zip(truth, found, strict=True)):
        sample = dict(img_path=f'{index}.png', domain='Vaihingen', split='test')
        sample['gt_sem_seg'] = dict(data=torch.from_numpy(label)[None])
        sample['pred_sem_seg'] = dict(data=torch.from_numpy(prediction)[None])
        metric.process({}, [sample])
    scores = metric.evaluate(len(truth))
    expected = released_scores(truth, found)
    for (iou, f1), name in zip(expected, CLASSES, strict=True):
        assert scores[f'IoU.{name}'] == pytest.approx(iou, abs=1e-4)
        assert scores[f'F1.{name}'] == pytest.approx(f1, abs=1e-4)
    assert scores['mIoU'] == pytest.approx(expected[:, 0].mean(), abs=1e-4)
    assert scores['mF1'] == pytest.approx(expected[:, 1].mean(), abs=1e-4)
    assert scores['IoU.f'] == 100  # a class that is absent everywhere counts as correct
