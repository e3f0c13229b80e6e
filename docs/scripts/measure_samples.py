"""Measure how long a training sample takes, as docs/benchmarks.md reports it.

    depthda sample /tmp/tiles --size 1024 --train 16 --val 0 --test 0
    python docs/scripts/measure_samples.py CONFIG /tmp/tiles [--json FILE]

CONFIG is one of LoveDA's. The ways take turns, in one thread, and CPU time counts, which other
programs affect little. "decodes" only decodes the image, the labels and the depth with OpenCV.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import cv2
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import depthda.register  # noqa: F401
from depthda.datasets.packed import pack_tiles
from depthda.engine.prepare import load_config
from depthda.randomness import SampleKey

ROUNDS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='a config of LoveDA')
    parser.add_argument('root', help='folder of tiles, written by depthda sample')
    parser.add_argument('--depth', default='rdepth/synthetic', help='folder of the depth maps')
    parser.add_argument('--json', help='file for the results')
    args = parser.parse_args()
    init_default_scope('mmseg')
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    settings = load_config(args.config).train_dataloader.dataset
    settings.update(data_root=args.root, depth=args.depth, holdout=None)
    settings.pipeline[2].folder = args.depth
    colours = list(settings.pipeline)
    colours.insert(-1, ConfigDict(type='OpticalDistortion'))
    with TemporaryDirectory() as folder:
        pack_tiles(DATASETS.build(settings), folder)
        datasets = {
            'files': settings,
            'files, with colour distortion': settings | dict(pipeline=colours),
            'packed': settings | dict(cache=folder),
            'packed, with colour distortion': settings | dict(cache=folder, pipeline=colours),
            'packed, crop only': settings | dict(cache=folder, pipeline=settings.pipeline[:4]),
        }
        ways = {name: reading(DATASETS.build(dataset)) for name, dataset in datasets.items()}
        ways['decodes'] = decoding(DATASETS.build(settings))
        times = alternate(ways)
    rows = {name: round(median(values), 2) for name, values in times.items()}
    for name, value in rows.items():
        print(f'{name:32} {value:7.2f} ms, {value / rows["decodes"]:.2f} times the decodes')
    if args.json:
        about = dict(config=args.config, milliseconds=rows)
        Path(args.json).write_text(json.dumps(about, indent=1) + '\n')


def reading(dataset) -> Callable[[int], int]:
    def read(seed: int) -> int:
        for index in range(len(dataset)):
            dataset.prepare_data(SampleKey(index, seed))
        return len(dataset)

    return read


def decoding(dataset) -> Callable[[int], int]:
    paths = [dataset.get_data_info(index) for index in range(len(dataset))]

    def decode(seed: int) -> int:
        for info in paths:
            cv2.imread(info['img_path'])
            for key in ('seg_map_path', 'depth_path'):
                cv2.imread(info[key], cv2.IMREAD_UNCHANGED)
        return len(paths)

    return decode


def alternate(ways: dict[str, Callable[[int], int]]) -> dict[str, list[float]]:
    """Return the milliseconds of a sample in each round; the first round is left out."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            start = time.process_time()
            count = ways[name](number)
            if number:
                times[name].append(1000 * (time.process_time() - start) / count)
    return times


if __name__ == '__main__':
    main()
