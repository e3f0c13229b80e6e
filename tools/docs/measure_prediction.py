"""Measure the prediction of scenes, as docs/predict.md reports it.

    python tools/docs/measure_prediction.py memory|speed|kills [--json FILE]
    python tools/docs/measure_prediction.py seams CHECKPOINT SCENE DEPTH [--json FILE]

``memory``: the most memory that the prediction of 10,000 × 10,000 pixels needs beyond that of
2,000 × 2,000, with depth from a file and with depth made on the way. ``speed``: windows a second
against one crop at a time with hard labels, and the time outside of the network. ``kills``: a map
after ten kills against that of one run. ``seams``: what changes if the windows, or the tiles of
depth, lie elsewhere. Networks have random weights; scenes are made.
"""

import argparse
import hashlib
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy.ndimage import zoom

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / 'tests'))
from tiny_depth_anything import save_tiny  # noqa: E402

PLACE = from_origin(500_000, 5_400_000, 0.3, 0.3)
CONFIG = ROOT / 'configs/sample/depthda_tiny_4band_u2r.py'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('what', choices=['memory', 'speed', 'kills', 'seams', 'one'])
    parser.add_argument('--json', type=Path, help='file for the results')
    parser.add_argument('--folder', type=Path, help='where scenes and maps go')
    parser.add_argument('rest', nargs='*', help=argparse.SUPPRESS)
    args = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    if args.what == 'one':
        predict_one(*args.rest)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = dict(memory=memory, speed=speed, kills=kills, seams=seams)[args.what](
            folder, *args.rest
        )
    print(json.dumps(found, indent=1))
    if args.json:
        known = json.loads(args.json.read_text()) if args.json.exists() else {}
        args.json.write_text(json.dumps(known | {args.what: found}, indent=1) + '\n')


def write_scene(path: Path, side: int, bands: int, seed: int = 0) -> None:
    """Write a scene of smooth random patches, in rows of blocks."""
    rng = np.random.default_rng(seed)
    profile = dict(
        driver='GTiff', height=side, width=side, count=bands, dtype='uint8', crs='EPSG:32632',
        transform=PLACE, tiled=True, blockxsize=256, blockysize=256, compress='deflate', zlevel=1,
    )  # fmt: skip
    coarse = rng.uniform(0, 255, (bands, side // 40 + 2, side // 40 + 2)).astype(np.float32)
    with rasterio.open(path, 'w', **profile) as raster:
        for top in range(0, side, 256):
            rows = min(256, side - top)
            near = coarse[:, top // 40 : (top + rows) // 40 + 2]
            large = zoom(near, (1, 40, 40), order=0)[:, top % 40 : top % 40 + rows, :side]
            noise = rng.normal(0, 12, large.shape).astype(np.float32)
            values = (large + noise).clip(0, 255).astype(np.uint8)
            raster.write(values, window=Window(0, top, side, rows))


def save_checkpoint(config: str, path: Path) -> Path:
    """Save random weights of a config as a checkpoint of depthda train."""
    from mmengine.runner.checkpoint import save_checkpoint as save

    from depthda.datasets.loveda import LoveDARGBD
    from depthda.engine.prepare import load_config
    from depthda.inference.trained_model import build_network

    cfg = load_config(config)
    torch.manual_seed(0)
    network = build_network(cfg)
    network.init_weights()
    meta = dict(cfg=cfg.pretty_text, dataset_meta=LoveDARGBD.METAINFO)
    save(dict(state_dict=network.state_dict(), meta=meta), str(path))
    return path


def predict_one(checkpoint: str, scene: str, out: str, depth: str, window: str, overlap: str):
    """Predict a scene in this process, and print the most memory that it held, in MB."""
    from depthda.main import main as depthda

    option = '--depth-model' if Path(depth).is_dir() else '--depth'
    status = depthda([
        'predict', checkpoint, scene, '--out', out, option, depth, '--window', window,
        '--overlap', overlap, '--device', 'cpu',
    ])  # fmt: skip
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
    sys.exit(status)


def command(*args: object) -> list[str]:
    return [sys.executable, __file__, 'one', *map(str, args)]


def memory(folder: Path) -> dict:
    checkpoint = save_checkpoint(CONFIG, folder / 'model.pth')
    depth_model = save_tiny(folder / 'depth', size=518)
    found = {}
    for kind in ('depth from a file', 'depth made on the way'):
        for side in (2000, 10_000):
            scene, heights = folder / f'{side}.tif', folder / f'{side}_depth.tif'
            if not scene.exists():
                write_scene(scene, side, 4)
                write_scene(heights, side, 1)
            depth = heights if kind.endswith('file') else depth_model
            start = time.monotonic()
            run = command(checkpoint, scene, folder / 'map.tif', depth, 256, 64)
            done = subprocess.run(run, capture_output=True, text=True, check=True)
            peak = float(done.stdout.split()[-1])
            found.setdefault(kind, {})[str(side)] = round(peak)
            print(kind, side, f'{peak:.0f} MB', f'{time.monotonic() - start:.0f} s', flush=True)
        sizes = found[kind]
        found[kind]['more'] = sizes['10000'] - sizes['2000']
    return found


def kills(folder: Path) -> dict:
    """Kill a run at ten random moments, and compare the files with those of a clean run."""
    checkpoint = save_checkpoint(CONFIG, folder / 'model.pth')
    depth_model = save_tiny(folder / 'depth', size=518)
    scene = folder / 'scene.tif'
    write_scene(scene, 2000, 4, seed=1)

    def run(out: Path) -> subprocess.Popen:
        args = command(checkpoint, scene, out, depth_model, 128, 64)
        return subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    start = time.monotonic()
    clean = folder / 'clean' / 'map.tif'
    assert run(clean).wait() == 0
    whole = time.monotonic() - start
    out, killed, moments = folder / 'killed' / 'map.tif', 0, []
    rng = random.Random(0)
    startup = 8.0
    while killed < 10:
        process = run(out)
        wait = startup + rng.uniform(0, max(whole - startup, 1) / 5)
        try:
            if process.wait(wait) == 0:
                break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            parts = out.with_name('.map.tif.part')
            moments.append(sorted(path.name for path in parts.iterdir() if path.suffix))
    while run(out).wait() != 0:
        raise RuntimeError('the last run failed')
    same = {
        name: digest(clean.with_name(name)) == digest(out.with_name(name))
        for name in ('map.tif', 'map.tif.aux.xml')
    }
    left = sorted(path.name for path in out.parent.iterdir())
    return dict(kills=killed, files=moments, same=same, left=left)


def speed(folder: Path) -> dict:
    """Return CPU times; the crops of the other way are read, predicted and stored one by one."""
    import depthda.register  # noqa: F401
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.inference.map_options import MapOptions
    from depthda.inference.predict import predict_map
    from depthda.inference.predict_scene import Settings
    from depthda.inference.trained_model import TrainedModel, load_model

    checkpoint = save_checkpoint(ROOT / 'configs/sample/depthda_convnext-tiny_u2r.py', folder / 'm')
    model = load_model(checkpoint)
    scene, heights = folder / 'scene.tif', folder / 'heights.tif'
    write_scene(scene, 2048, 3)
    write_scene(heights, 2048, 1)
    estimator = DepthEstimator.load(str(save_tiny(folder / 'depth', size=518, hidden_size=96)))
    inside = Clock()
    inside.watch(TrainedModel, 'logits')
    found = {}
    for side in (256, 512):
        settings = Settings(side, side // 2)
        windows = len(settings.grid(Side(2048)).rows) ** 2
        start, spent = time.process_time(), inside.seconds
        predict_map(model, scene, folder / 'map.tif', MapOptions(settings, depth=heights))
        ours, network = time.process_time() - start, inside.seconds - spent
        start = time.process_time()
        one_by_one(model, scene, heights, settings, folder / 'plain.tif')
        stock = time.process_time() - start
        found[f'windows of {side}'] = dict(
            ms_a_window=round(1000 * network / windows),
            outside_of_the_network=round(1 - network / ours, 3),
            speed_against_one_by_one=round(stock / ours, 2),
        )
    inside = Clock()
    inside.watch(DepthEstimator, '_network')
    from depthda.inference.scene import Bands
    from depthda.inference.scene_depth import scene_depth

    start = time.process_time()
    with scene_depth(estimator, scene, Bands(3), folder / 'part', {}) as (grid, rows):
        for top in range(0, grid.height, 256):
            rows.read(top, top + 256)
    ours = time.process_time() - start
    tiles = round((folder / 'part' / 'depth.raw').stat().st_size / (2 * 518**2))
    found['depth'] = dict(
        ms_a_tile=round(1000 * inside.seconds / (tiles + 1)),
        outside_of_the_network=round(1 - inside.seconds / ours, 3),
    )
    return found


class Side:
    """A square scene."""

    def __init__(self, side: int) -> None:
        self.height = self.width = side


class Clock:
    """The CPU time that calls of a method take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: type, name: str) -> None:
        method = getattr(owner, name)

        def timed(*args, **kwargs):
            start = time.thread_time()
            result = method(*args, **kwargs)
            self.seconds += time.thread_time() - start
            return result

        setattr(owner, name, timed)


def one_by_one(model, scene: Path, heights: Path, settings, out: Path) -> None:
    """Predict each window alone, and paste its labels."""
    with rasterio.open(scene) as image, rasterio.open(heights) as depth:
        labels = np.zeros(image.shape, np.uint8)
        side, grid = settings.window, settings.grid(image)
        for y in grid.rows:
            for x in grid.columns:
                window = Window(x, y, side, side)
                values = image.read(window=window)[::-1].astype(np.float32)
                relative = depth.read(window=window).astype(np.float32) / 255
                crop = torch.from_numpy(np.concatenate([values, relative]))
                labels[y : y + side, x : x + side] = model.logits([crop])[0].argmax(0).numpy()
        profile = image.profile | dict(count=1)
    with rasterio.open(out, 'w', **profile) as raster:
        raster.write(labels, 1)


def seams(folder: Path, checkpoint: str, scene: str, depth: str) -> dict:
    """Predict a scene, and the same without its first half window, and compare both."""
    import depthda.register  # noqa: F401
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.inference.map_options import MapOptions
    from depthda.inference.predict import predict_map
    from depthda.inference.predict_scene import Settings
    from depthda.inference.trained_model import load_model

    model = load_model(checkpoint)
    side = min(model.window)
    moved = [folder / 'scene.tif', folder / 'depth.tif']
    for source, target in zip((scene, depth), moved, strict=True):
        cut(Path(source), target, side // 2)
    maps = []
    for image, heights in ((scene, depth), moved):
        options = MapOptions(Settings(side, side // 2), depth=Path(heights), heights=(0, 65535))
        maps.append(predict_map(model, image, folder / f'map{len(maps)}.tif', options).files[0])
    labels = [read(path) for path in maps]
    rest = labels[0][side // 2 :, side // 2 :]
    shares = np.bincount(labels[0].ravel(), minlength=len(model.classes)) / labels[0].size
    estimator = DepthEstimator.load(str(save_tiny(folder / 'weights', size=70, image_size=70)))
    estimator._network = relative_brightness
    return dict(
        changed=round(float((rest != labels[1]).mean()), 5),
        shares={name: round(float(s), 3) for name, s in zip(model.classes, shares, strict=False)},
        without_class=int((labels[0] == 255).sum()),
        depth_steps=depth_steps(folder, estimator, Path(scene)),
    )


def relative_brightness(inputs: torch.Tensor) -> torch.Tensor:
    """Return depth as networks do: each tile with a scale and a shift of its own, and bent."""
    values = inputs.mean(1)
    side = torch.linspace(-1, 1, values.shape[-1])
    bend = 0.1 * (side[:, None] ** 2 + side**2)
    mean, deviation = values.mean((1, 2), keepdim=True), values.std((1, 2), keepdim=True)
    return (values - mean) / deviation + bend


def depth_steps(folder: Path, estimator, scene: Path) -> dict:
    """Return steps of depth across edges of tiles, over those at the same places inside tiles."""
    from depthda.depth.monocular.tiling import TileGrid
    from depthda.inference.scene import Bands
    from depthda.inference.scene_depth import scene_depth

    side = estimator.preprocessing.height
    half = side // 2
    cut(scene, folder / 'half.tif', half)
    found = []
    for number, path in enumerate((scene, folder / 'half.tif')):
        with scene_depth(estimator, path, Bands(3), folder / f'p{number}', {}) as (grid, rows):
            found.append(rows.read(0, grid.height)[0][0])
    whole, moved = found[0][half:, half:], found[1]
    scale = np.polyfit(moved.ravel(), whole.ravel(), 1)[0]  # ranges differ a little
    boxes = TileGrid(*found[0].shape, side, int(side * 0.25)).boxes
    edges = sorted({x - half for _, left, _, right in boxes for x in (left, right)})
    edges = [x for x in edges if 0 < x < whole.shape[1]]
    steps = [np.abs(np.diff(part, axis=1)) for part in (whole, moved * scale)]
    at, inside = (part[:, np.array(edges) - 1] for part in steps)
    ratios = [np.quantile(at, q) / np.quantile(inside, q) for q in (0.5, 0.99)]
    return dict(median=round(float(ratios[0]), 3), percentile_99=round(float(ratios[1]), 3))


def cut(source: Path, target: Path, offset: int) -> None:
    """Write a raster without its first rows and columns."""
    with rasterio.open(source) as raster:
        height, width = raster.height - offset, raster.width - offset
        values = raster.read(window=Window(offset, offset, width, height))
        profile = raster.profile | dict(height=height, width=width, driver='GTiff')
    with rasterio.open(target, 'w', **profile) as raster:
        raster.write(values)


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return raster.read(1)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == '__main__':
    main()
