"""Check the prediction of scenes, as docs/predict.md reports it.

    python docs/scripts/check_prediction.py kills [--json FILE]
    python docs/scripts/check_prediction.py seams CHECKPOINT SCENE DEPTH [--json FILE]

``kills`` compares the map of a run that was killed ten times with that of an uninterrupted run.
``seams`` measures what changes if the windows, or the tiles of depth, have other positions.
"""

import hashlib
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from measure_prediction import CONFIG, command, measure, save_checkpoint, write_scene
from rasterio.windows import Window
from tiny_depth_anything import save_tiny

from depthda.io.files import read_json


def kills(folder: Path) -> dict:
    """Kill runs at ten random moments, and compare their files with those of uninterrupted runs.

    If depth is estimated on the way, the kills hit the first pass; with depth from a file, there is
    only one pass.
    """
    checkpoint = save_checkpoint(CONFIG, folder / 'model.pth')
    scene, heights = folder / 'scene.tif', folder / 'heights.tif'
    write_scene(scene, 2000, 4, seed=1)
    write_scene(heights, 2000, 1, seed=1)
    sources = {'depth pass': save_tiny(folder / 'depth', size=518), 'network pass': heights}
    return {
        name: killed_run(folder / name, [checkpoint, scene], [depth, 128, 64])
        for name, depth in sources.items()
    }


def killed_run(folder: Path, first: list, last: list) -> dict:
    def run(out: Path) -> subprocess.Popen:
        args = command(*first, out, *last)
        return subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    clean, out = (folder / name / 'map.tif' for name in ('clean', 'killed'))
    start, process = time.monotonic(), run(clean)
    while not part_of(clean).exists():
        time.sleep(0.05)
    startup = time.monotonic() - start
    if process.wait():
        raise RuntimeError('the uninterrupted run failed')
    duration = time.monotonic() - start
    rows, rng = [], random.Random(0)
    while len(rows) < 10:
        process = run(out)
        try:
            process.wait(startup + rng.uniform(0, (duration - startup) / 4))
            break  # the run ended before it could be killed
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            rows.append((read_json(part_of(out) / 'progress.json') or {}).get('rows', 0))
    if run(out).wait():
        raise RuntimeError('the last run failed')
    files = ('map.tif', 'map.tif.aux.xml')
    same = all(digest(clean.with_name(f)) == digest(out.with_name(f)) for f in files)
    names = sorted(path.name for path in out.parent.iterdir())
    return dict(finished_rows_at_kills=rows, same_bytes=same, left=names)


def seams(folder: Path, checkpoint: str, scene: str, depth: str) -> dict:
    """Predict a scene with and without its first half window, and compare the two maps."""
    import depthda.register  # noqa: F401
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.inference.map_options import MapOptions
    from depthda.inference.model import load_model
    from depthda.inference.predict import predict_map
    from depthda.inference.predict_scene import Settings

    model = load_model(checkpoint)
    side = min(model.window)

    def labels_without(first: int, overlap: int) -> np.ndarray:
        moved = [folder / 'scene.tif', folder / 'depth.tif']
        for source, target in zip((scene, depth), moved, strict=True):
            cut(Path(source), target, first)
        options = MapOptions(Settings(side, overlap), depth=moved[1], heights=(0, 65535))
        with rasterio.open(predict_map(model, moved[0], folder / 'map.tif', options).files[0]) as m:
            return m.read(1)

    def changed(first: int, overlap: int) -> float:
        complete, moved = labels_without(0, overlap), labels_without(first, overlap)
        return round(float((complete[first:, first:] != moved).mean()), 4)

    labels = labels_without(0, side // 2)
    shares = np.bincount(labels.ravel(), minlength=len(model.classes)) / labels.size
    overlaps = (0, side // 2, side * 3 // 4)
    estimator = DepthEstimator.load(str(save_tiny(folder / 'weights', size=70, image_size=70)))
    estimator._network = relative_brightness
    return dict(
        changed_by_half_a_window=changed(side // 2, side // 2),
        changed_by_half_a_step={f'overlap {o}': changed((side - o) // 2, o) for o in overlaps},
        shares={name: round(float(s), 3) for name, s in zip(model.classes, shares, strict=False)},
        without_class=int((labels == 255).sum()),
        depth_steps=depth_steps(folder, estimator, Path(scene)),
    )


def relative_brightness(inputs: torch.Tensor) -> torch.Tensor:
    """Return the brightness like predicted depth: bent, with a scale and shift for each tile."""
    values = inputs.mean(1)
    side = torch.linspace(-1, 1, values.shape[-1])
    bend = 0.1 * (side[:, None] ** 2 + side**2)
    mean, deviation = values.mean((1, 2), keepdim=True), values.std((1, 2), keepdim=True)
    return (values - mean) / deviation + bend


def depth_steps(folder: Path, estimator, scene: Path) -> dict:
    """Return the depth steps across edges of tiles, divided by those at the same pixels inside."""
    from depthda.depth.monocular.tiling import TileGrid
    from depthda.inference.scene import ModelBands
    from depthda.inference.scene_depth import scene_depth

    side = estimator.preprocessing.height
    half = side // 2
    cut(scene, folder / 'half.tif', half)
    maps = []
    with rasterio.open(scene) as raster:
        height = raster.height
    for number, path in enumerate((scene, folder / 'half.tif')):
        with scene_depth(estimator, path, ModelBands(3), folder / f'p{number}', {}) as rows:
            maps.append(rows.read(0, height - number * half)[0][0])
    fixed, moved = maps[0][half:, half:], maps[1]
    scale = np.polyfit(moved.ravel(), fixed.ravel(), 1)[0]  # the ranges differ a little
    boxes = TileGrid(*maps[0].shape, side, int(side * 0.25)).boxes
    edges = sorted({x - half for _, left, _, right in boxes for x in (left, right)})
    edges = [x for x in edges if 0 < x < fixed.shape[1]]
    steps = [np.abs(np.diff(depth, axis=1)) for depth in (fixed, moved * scale)]
    across, inside = (step[:, np.array(edges) - 1] for step in steps)
    ratios = [np.quantile(across, q) / np.quantile(inside, q) for q in (0.5, 0.99)]
    return dict(median=round(float(ratios[0]), 3), percentile_99=round(float(ratios[1]), 3))


def cut(source: Path, target: Path, offset: int) -> None:
    """Write a raster without its first rows and columns."""
    with rasterio.open(source) as raster:
        height, width = raster.height - offset, raster.width - offset
        values = raster.read(window=Window(offset, offset, width, height))
        profile = raster.profile | dict(height=height, width=width, driver='GTiff')
    with rasterio.open(target, 'w', **profile) as raster:
        raster.write(values)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def part_of(out: Path) -> Path:
    return out.with_name(f'.{out.name}.part')


if __name__ == '__main__':
    measure(__doc__, dict(kills=kills, seams=seams))
