"""Probe how well the optical features of tested models predict height, by a linear regression.

    python docs/scripts/probe_height.py work_dirs/tables/synthetic \\
        docs/tables/height-probe.json rgb-u2r dual-u2r contrast-u2r

For each run of each row, the feature maps of the optical encoder are resized to a quarter of the
image's resolution. A ridge regression from them to the height above the lowest point of the
tile is fitted on the training tiles of the source, and its R² is measured on the test tiles of both
domains. Depth is not read.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from mmseg.apis import init_model
from torch.nn import functional as F

from depthda.io.files import read_json
from depthda.io.rasters import open_raster

PENALTY = 1e-3  # of the ridge regression, per sample of standardised features
STRIDE = 4


@torch.no_grad()
def features(model: torch.nn.Module, image: Path) -> np.ndarray:
    """Return the optical features of an image, positions × channels."""
    with open_raster(image) as raster:
        bands = torch.from_numpy(raster.read()).float()  # R, G, B
    prepared = model.data_preprocessor
    normalised = (bands - prepared.mean[:3]) / prepared.std[:3]
    encoder = getattr(model.backbone, 'rgb', model.backbone)
    maps = encoder(normalised[None])
    size = [side // STRIDE for side in bands.shape[1:]]
    resized = [F.interpolate(feature, size=size, mode='bilinear') for feature in maps]
    return torch.cat(resized, 1)[0].flatten(1).T.double().numpy()


def heights(image: Path) -> np.ndarray:
    """Return the height above the lowest point of the tile at the same positions."""
    with open_raster(image.parents[1] / 'dsm' / f'{image.stem}.tif') as raster:
        surface = torch.from_numpy(raster.read())
    return F.avg_pool2d(surface - surface.min(), STRIDE).flatten().double().numpy()


def images(data: Path, split: str, domain: str) -> list[Path]:
    """Return the images of a domain."""
    return sorted((data / split / domain / 'images_png').iterdir())


def probe(folder: Path) -> dict[str, float]:
    """Return R² on the test tiles of source and target for one run."""
    run, metrics = read_json(folder / 'run.json'), read_json(folder / 'metrics.json')
    config = max(folder.glob('*/vis_data/config.py'))
    model = init_model(str(config), str(folder / Path(metrics['checkpoint']['file']).name), 'cpu')
    source = metrics['trained_on']['domains'][0]
    (target,) = {'Urban', 'Rural'} - {source}
    data = Path(run['data'])
    pairs = [(features(model, path), heights(path)) for path in images(data, 'Train', source)]
    x, y = (np.concatenate(side) for side in zip(*pairs, strict=True))
    mean, spread = x.mean(0), x.std(0) + 1e-9
    x = (x - mean) / spread
    square = x.T @ x + PENALTY * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(square, x.T @ (y - y.mean()))
    scores = {}
    for name, domain in (('source', source), ('target', target)):
        tested = [(features(model, path), heights(path)) for path in images(data, 'Test', domain)]
        z, height = (np.concatenate(side) for side in zip(*tested, strict=True))
        predicted = (z - mean) / spread @ weights + y.mean()
        scores[name] = float(
            1 - ((height - predicted) ** 2).sum() / ((height - height.mean()) ** 2).sum()
        )
    return scores


def main(table: str, out: str, *rows: str) -> None:
    result = {}
    for row in rows:
        runs = sorted(Path(table, row).glob('*/result.json'))
        by_world = {read_json(run)['world']: probe(run.parent) for run in runs}
        result[row] = {
            'worlds': by_world,
            **{
                side: float(np.mean([scores[side] for scores in by_world.values()]))
                for side in ('source', 'target')
            },
        }
        print(row, {key: round(result[row][key], 3) for key in ('source', 'target')})
    Path(out).write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
