"""Measure the memory of tools/estimate_depth.py, and whether its steps run in parallel.

    python docs/scripts/measure_depth_maps.py

The images are random and have seven sizes. The network is a Depth Anything with a few thousand
weights, on the CPU. The first measurement runs the command on 100 and on 1,000 images; peak memory
must not grow with their number. The second uses 300 of them. Delays imitate a GPU (40 ms per map in
the network) and a disk (30 ms for reading and for writing). It prints the time of reading, network
and writing, and the elapsed time.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIZES = [(512, 512), (600, 800), (800, 600), (1024, 1024), (384, 512), (700, 500), (640, 640)]
WAITS = {'read': 0.03, 'network': 0.04, 'write': 0.03}


def make(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        height, width = SIZES[number % len(SIZES)]
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        image.save(folder / f'{number}.{"png" if number % 2 else "jpg"}')


def peak_memory(images: Path, model: Path, out: Path) -> float:
    """Return the peak memory of the command in MiB."""
    tool = ROOT / 'tools/estimate_depth.py'
    command = [sys.executable, tool, images, '--out', out, '--model', model, '--batch-size', '8']
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0
    return used.ru_maxrss / 1024


def time_steps(images: Path, model: Path, out: Path, workers: int) -> dict[str, float]:
    """Return the seconds of each step, summed over its threads, and the total time."""
    from depthda.depth.monocular.estimate import DepthSettings, estimate_depth
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.depth.monocular.jobs import find_jobs
    from depthda.depth.monocular.pipeline import Pipeline

    spent = dict.fromkeys(WAITS, 0.0)

    def delayed(step, function, count):
        def wrapped(*args):
            start = time.perf_counter()
            time.sleep(WAITS[step] * count(args))
            result = function(*args)
            spent[step] += time.perf_counter() - start
            return result

        return wrapped

    originals = Pipeline._read, Pipeline._write, DepthEstimator.whole
    Pipeline._read = delayed('read', originals[0], lambda args: 1)
    Pipeline._write = delayed('write', originals[1], lambda args: 1)
    DepthEstimator.whole = delayed('network', originals[2], lambda args: len(args[1]))
    model_record = {'model': str(model), 'revision': None, 'licence': 'none'}
    jobs = find_jobs([str(images)], str(out), 'tiny')[:300]
    estimator = DepthEstimator.load(str(model))
    result = estimate_depth(estimator, jobs, DepthSettings(workers=workers), model_record)
    Pipeline._read, Pipeline._write, DepthEstimator.whole = originals
    return spent | {'elapsed': result.seconds}


def main() -> None:
    sys.path.insert(0, str(ROOT / 'tests'))
    from tiny_depth_anything import save_tiny

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        model = save_tiny(root / 'model')
        for count in (100, 1000):
            make(root / f'{count}', count)
            peak = peak_memory(root / f'{count}', model, root / f'out-{count}')
            print(f'{count:>5} images: peak memory {peak:,.0f} MiB', flush=True)
        for workers in (1, 2):
            seconds = time_steps(root / '1000', model, root / f'waits-{workers}', workers)
            times = ', '.join(f'{step} {value:.1f} s' for step, value in seconds.items())
            print(f'workers {workers}: {times}', flush=True)


if __name__ == '__main__':
    main()
