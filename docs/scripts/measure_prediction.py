"""Measure the prediction of scenes, as docs/predict.md reports it.

    python docs/scripts/measure_prediction.py memory|speed [--json FILE]

``memory`` measures how much more memory the prediction of 10,000 × 10,000 pixels needs than that of
2,000 × 2,000, with depth from a file and with depth estimated on the way. ``speed`` measures the
time of a window, the share of it outside of the network, and the speed compared with a prediction
of one crop at a time without blending. The networks have random weights, and the scenes are random.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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


def measure(doc: str, kinds: dict[str, Callable[..., dict]]) -> None:
    """Run the measurement named on the command line; print its figures and add them to a file."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument('what', choices=kinds)
    parser.add_argument('--json', type=Path, help='file for the results')
    text = 'folder for scenes and maps (default: a temporary folder)'
    parser.add_argument('--folder', type=Path, help=text)
    parser.add_argument('rest', nargs='*', help=argparse.SUPPRESS)
    args = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = kinds[args.what](folder, *args.rest)
    print(json.dumps(figures, indent=1))
    if args.json:
        content = json.loads(args.json.read_text()) if args.json.exists() else {}
        args.json.write_text(json.dumps(content | {args.what: figures}, indent=1) + '\n')


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
    """Save random weights for a config, as a checkpoint of depthda train."""
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
    """Predict a scene in this process, and print its peak memory in MB."""
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
    peaks = {}
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
            peaks.setdefault(kind, {})[str(side)] = round(peak)
            print(kind, side, f'{peak:.0f} MB', f'{time.monotonic() - start:.0f} s', flush=True)
        peaks[kind]['more'] = peaks[kind]['10000'] - peaks[kind]['2000']
    return peaks


def speed(folder: Path) -> dict:
    """Return CPU times, also compared with crops that are read, predicted and stored one by one."""
    import depthda.register  # noqa: F401
    from depthda.inference.map_options import MapOptions
    from depthda.inference.model import load_model
    from depthda.inference.predict import predict_map
    from depthda.inference.predict_scene import Settings
    from depthda.inference.trained_model import TrainedModel

    checkpoint = save_checkpoint(ROOT / 'configs/sample/depthda_convnext-tiny_u2r.py', folder / 'm')
    model = load_model(checkpoint)
    scene, heights = folder / 'scene.tif', folder / 'heights.tif'
    write_scene(scene, 2048, 3)
    write_scene(heights, 2048, 1)
    inside = Clock()
    TrainedModel.logits = inside.timed(TrainedModel.logits)
    figures = {}
    for side in (256, 512):
        settings = Settings(side, side // 2)
        windows = len(settings.grid(Side(2048)).rows) ** 2
        start, spent = time.process_time(), inside.seconds
        predict_map(model, scene, folder / 'map.tif', MapOptions(settings, depth=heights))
        ours, network = time.process_time() - start, inside.seconds - spent
        start = time.process_time()
        one_by_one(model, scene, heights, settings, folder / 'plain.tif')
        single = time.process_time() - start
        figures[f'windows of {side}'] = dict(
            ms_a_window=round(1000 * network / windows),
            outside_of_the_network=round(1 - network / ours, 3),
            speed_against_one_by_one=round(single / ours, 2),
        )
    small = dict(
        model_type='dinov2', hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14,
        out_features=['stage3', 'stage6', 'stage9', 'stage12'], reshape_hidden_states=False,
    )  # fmt: skip
    sizes = dict(neck_hidden_sizes=[48, 96, 192, 384], reassemble_hidden_size=384)
    sizes |= dict(backbone_config=small, fusion_hidden_size=64, head_hidden_size=32)
    figures['depth, a tiny network'] = speed_of_depth(folder / 'tiny', scene, {})
    figures['depth, Depth Anything Small'] = speed_of_depth(folder / 'small', scene, sizes)
    return figures


def speed_of_depth(folder: Path, scene: Path, sizes: dict) -> dict:
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.inference.scene import ModelBands
    from depthda.inference.scene_depth import scene_depth

    estimator = DepthEstimator.load(str(save_tiny(folder / 'weights', size=518, **sizes)))
    inside, network = Clock(), estimator._network
    estimator._network = inside.timed(network)
    start = time.process_time()
    with scene_depth(estimator, scene, ModelBands(3), folder, {}) as rows:
        for top in range(0, 2048, 256):
            rows.read(top, top + 256)
    ours = time.process_time() - start
    tiles = round((folder / 'depth.raw').stat().st_size / (2 * 518**2))
    return dict(
        ms_a_tile=round(1000 * inside.seconds / (tiles + 1)),
        outside_of_the_network=round(1 - inside.seconds / ours, 3),
    )


class Side:
    """A square scene."""

    def __init__(self, side: int) -> None:
        self.height = self.width = side


class Clock:
    """The CPU time of all calls of a method."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, method: Callable) -> Callable:
        def call(*args, **kwargs):
            start = time.thread_time()
            result = method(*args, **kwargs)
            self.seconds += time.thread_time() - start
            return result

        return call


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


if __name__ == '__main__':
    if sys.argv[1:2] == ['one']:
        predict_one(*sys.argv[2:])
    measure(__doc__, dict(memory=memory, speed=speed))
