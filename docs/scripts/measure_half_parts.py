"""Compare trainings in mixed precision with trainings whose parts compute in bfloat16 throughout.

    python docs/scripts/measure_half_parts.py data/sample docs/tables/half-parts.json

Two small models are trained for 100 iterations with three seeds, each in fp32, with autocast, and
with ``half_parts``, on the same samples and with the same random numbers. The file gets the mean of
the last 30 losses of each run. On a CPU, bfloat16 is that of a GPU up to rounding.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from depthda.engine.launch import train
from depthda.io.files import read_json, write_json
from depthda.version import __version__

PARTS = {
    'configs/sample/depthda_convnext-tiny_u2r.py': ['backbone', 'neck', 'decode_head'],
    'configs/sample/depthseg_tiny_u2r.py': ['backbone', 'decode_head'],
}
SEEDS, ITERATIONS, LAST = (0, 1, 2), 100, 30


def last_losses(config: str, seed: int, sample: str, devices: list[str], parts: list[str]) -> float:
    """Train a config, and return the mean of its last losses."""
    options = {
        'optim_wrapper.type': 'AutocastOptimWrapper',
        '+optim_wrapper.devices': devices,
        '+optim_wrapper.half_parts': parts,
        'train_cfg.max_iters': ITERATIONS,
        'train_cfg.val_interval': ITERATIONS,
        'param_scheduler.1.end': ITERATIONS,
        'train_dataloader.num_workers': 0,
        'val_dataloader.num_workers': 0,
        '+val_dataloader.dataset.indices': 1,
        'train_dataloader.dataset.data_root': sample,
        'val_dataloader.dataset.data_root': sample,
        'default_hooks.logger.interval': 1,
        '+log_processor.window_size': 1,
        'randomness.seed': seed,
    }
    with TemporaryDirectory() as folder:
        train(config, folder, cfg_options=options)
        (log,) = Path(folder).glob('*/vis_data/scalars.json')
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [line['loss'] for line in lines if 'loss' in line]
    return sum(losses[-LAST:]) / LAST


def main(sample: str, out: str) -> None:
    torch.set_num_threads(1)
    results = read_json(Path(out)) or dict(version=__version__, runs=[])
    finished = {(run['config'], run['seed']) for run in results['runs']}
    both = ['cpu', 'cuda']
    for config, parts in PARTS.items():
        for seed in SEEDS:
            if (config, seed) in finished:
                continue
            common = config, seed, sample
            results['runs'].append(
                dict(
                    config=config,
                    seed=seed,
                    fp32=last_losses(*common, [], []),
                    autocast=last_losses(*common, both, []),
                    half_parts=last_losses(*common, both, parts),
                )
            )
            write_json(out, results)


if __name__ == '__main__':
    main(*sys.argv[1:])
