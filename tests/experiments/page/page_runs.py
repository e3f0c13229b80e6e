"""Write small tested runs with the real writers: six tiles of 32×32 in two domains."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from depthda.depth.maps import write_depth
from depthda.evaluation.confusion import joint_counts
from depthda.evaluation.prediction_writer import PredictionWriter
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.evaluation.tile_counts import TileCounts, save_tiles
from depthda.io.files import write_json

META = dict(
    classes=('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural'),
    palette=[[255, 255, 255], [255, 0, 0], [255, 255, 0], [0, 0, 255], [159, 129, 183]]
    + [[0, 255, 0], [255, 195, 128]],
)
SIDE = 32
CONFIG = """
custom_imports = dict(imports=['depthda'])
default_scope = 'mmseg'
work_dir = 'work/{name}'
load = [dict(type='LoadImageFromFile'), dict(type='LoadDepth'), dict(type='LoadAnnotations')]
train_dataloader = dict(dataset=dict(
    type='LoveDARGBD', data_root='data', domain='Urban', split='Train', depth={depth},
    pipeline=load))
val_dataloader = dict(dataset=dict(
    type='LoveDARGBD', data_root='data', domain='Urban', split='Train', depth={depth},
    pipeline=load))
test_dataloader = dict(dataset=dict(
    type='LoveDARGBD', data_root='data', domain=['Urban', 'Rural'], split='Test', depth={depth},
    pipeline=load, test_mode=True))
"""
DESCRIBED = dict(type='LoveDARGBD', data_root='data')


def write_data(root: Path, seed: int = 0) -> None:
    """Write a LoveDA tree: labels on disk 0 (none) to 7, the first row without label and depth."""
    rng = np.random.default_rng(seed)
    for split, domain, first, count in (
        ('Train', 'Urban', 0, 3),
        ('Test', 'Urban', 10, 3),
        ('Test', 'Rural', 20, 3),
    ):
        folder = root / split / domain
        for part in ('images_png', 'masks_png'):
            (folder / part).mkdir(parents=True)
        for number in range(first, first + count):
            image = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            label = np.kron(rng.integers(1, 8, (4, 4)), np.ones((8, 8), int)).astype(np.uint8)
            label[0] = 0
            depth = rng.uniform(0.1, 1, (SIDE, SIDE))
            depth[0] = 0
            cv2.imwrite(str(folder / 'images_png' / f'{number}.png'), image)
            cv2.imwrite(str(folder / 'masks_png' / f'{number}.png'), label)
            write_depth(folder / 'rdepth/fake' / f'{number}.png', depth)


def write_run(
    root: Path,
    name: str,
    wrong: float,
    depth: str | None,
    seed: int = 0,
    headline: str | None = None,
) -> Path:
    """Write a run folder; ``wrong`` is the share of pixels with a random prediction."""
    rng = np.random.default_rng(seed)
    folder = root / 'work' / name
    metric = SegmentationMetric(headline=headline)
    writer = PredictionWriter(str(folder / 'predictions'))
    metric.dataset_meta = writer.dataset_meta = META
    cells, names, counts = [], [], []
    for domain in ('Urban', 'Rural'):
        for path in sorted((root / 'data/Test' / domain / 'images_png').iterdir()):
            labels = cv2.imread(str(path.parents[1] / 'masks_png' / path.name), 0) - 1
            noise = rng.random(labels.shape) < wrong
            random = rng.integers(0, 7, labels.shape)
            predicted = np.where(noise | (labels == 255), random, labels).astype(np.uint8)
            tensors = torch.from_numpy(predicted), torch.from_numpy(labels)
            sample = dict(
                img_path=str(path.relative_to(root)),
                domain=domain,
                split='Test',
                pred_sem_seg=dict(data=tensors[0][None]),
                gt_sem_seg=dict(data=tensors[1][None]),
            )
            metric.process({}, [sample])
            writer.process({}, [sample])
            names.append(sample['img_path'])
            cells.append((domain, 'Test'))
            counts.append(joint_counts(*tensors, 7).numpy())
    figures = metric.evaluate(6)
    domains, splits = (np.array(part) for part in zip(*cells, strict=True))
    tiles = TileCounts(
        np.array(names), domains, splits, np.array(META['classes']), np.stack(counts)
    )
    save_tiles(folder / 'tiles.npz', tiles)
    write_json(
        folder / 'metrics.json',
        dict(
            config=f'configs/{name}.py',
            cfg_options={'test_dataloader.batch_size': 2},
            checkpoint=dict(file=f'work/{name}/iter_40.pth', sha256='0123456789ab'),
            selection=dict(rule='last iteration', on=None),
            trained_on=DESCRIBED | dict(domains=['Urban'], splits=['Train'], images=3),
            tested_on=DESCRIBED | dict(domains=['Urban', 'Rural'], splits=['Test'], images=6),
            tta=False,
            seed=seed,
            scores=figures,
            report=metric.report,
            versions=dict(depthda='0.1.0'),
            commit='abcdef',
            device='a processor',
            seconds=1.5,
            finished='2026-01-02T12:00:00+00:00',
        ),
    )
    write_scalars(folder, '20260101_000000', [(10, 2.0), (20, 1.5), (30, 1.0)])
    (folder / '20260101_000000/vis_data/config.py').write_text(
        CONFIG.format(name=name, depth=repr(depth))
    )
    return folder


def write_scalars(folder: Path, stamp: str, losses: list[tuple[int, float]]) -> None:
    """Write a log as mmengine does: a line for each logged step and for the last validation."""
    path = folder / stamp / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [dict(lr=0.1, loss=loss, iter=step, step=step) for step, loss in losses]
    lines.append(dict(mIoU=50 + losses[-1][0] / 10, step=losses[-1][0]))
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
