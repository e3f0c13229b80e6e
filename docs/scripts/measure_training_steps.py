"""Measure the training steps of configs, as docs/benchmarks.md reports them.

    python docs/scripts/measure_training_steps.py CONFIG … [--amp] [--batch 4] [--size 512]

The networks have random weights, and the optimiser is that of the config. The batches are random
images in the memory of the device, so the time to read files is not measured. Each config runs 5
steps to warm up, 40 that are timed one by one, and 5 under the profiler. Without a GPU, it runs 6
steps, and the time is CPU time, which other programs do not affect.
"""

import argparse
import json
import time
from itertools import count, pairwise
from pathlib import Path
from statistics import fmean, median

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.nn.functional import interpolate
from torch.profiler import ProfilerActivity, profile

import depthda  # noqa: F401
from depthda.engine.overrides import runtime_dicts, segmentor_config
from depthda.engine.prepare import load_config, use_amp

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
WARM_UP, TIMED, PROFILED = (5, 40, 5) if DEVICE == 'cuda' else (1, 5, 0)
KEYS = 'ms images_per_s peak_gib kernel_ms launches waits first_loss last_loss'.split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--amp', action='store_true', help='use mixed precision, as in training')
    parser.add_argument('--batch', type=int, help='batch size (default: that of the config)')
    parser.add_argument('--size', type=int, default=512, help='side of the images in pixels')
    parser.add_argument('--json', help='file for the results')
    args = parser.parse_args()
    init_default_scope('mmseg')
    MMLogger.get_instance('steps', log_level='ERROR')  # init_weights logs each parameter
    torch.backends.cudnn.benchmark = True  # as in the configs
    rows = []
    for config in args.configs:
        rows.append(measure(config, args.amp, args.batch, args.size))
        print(config, *(f'{key} {rows[-1][key]}' for key in KEYS), sep='  ', flush=True)
    if args.json:
        name = torch.cuda.get_device_name() if DEVICE == 'cuda' else 'CPU'
        Path(args.json).write_text(json.dumps(dict(device=name, rows=rows), indent=1) + '\n')


def measure(config: str, amp: bool, batch: int | None, size: int) -> dict:
    """Return the figures of one config."""
    cfg = load_config(config)
    for _, part in runtime_dicts(cfg, 'model'):
        part.update({key: None for key in ('weights', 'init_cfg') if part.get(key)})
    if amp:
        use_amp(cfg)
    is_translation = 'target_size' in cfg.model
    batch = batch or cfg.train_dataloader.batch_size
    if cfg.model.get('warm_up'):
        cfg.model.warm_up = 0  # these steps would use only the source
    preprocessor = segmentor_config(cfg.model).data_preprocessor
    if not is_translation and preprocessor.get('size'):
        preprocessor.size = (size, size)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    wrapper = build_optim_wrapper(model.to(DEVICE).train(), cfg.optim_wrapper)
    batches = [make_batch(cfg, batch, size, is_translation, seed) for seed in range(2)]
    hub, numbers = MessageHub.get_current_instance(), count()

    def step() -> float:
        number = next(numbers)
        hub.update_info('iter', number)
        losses = model.train_step(batches[number % 2](), wrapper)
        # mmengine's RuntimeInfoHook reads each logged value in each iteration.
        values = {key: float(value.detach()) for key, value in losses.items()}
        return values.get('loss', values.get('loss_critic', 0.0))

    if DEVICE == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    first = [step() for _ in range(WARM_UP)][0]
    times, last = timed(step)
    # Steps of a translation differ, because the generators are not trained in every step.
    ms = fmean(times) if is_translation else median(times)
    peak = torch.cuda.max_memory_allocated() / 2**30 if DEVICE == 'cuda' else 0.0
    row = dict(config=config, precision='bf16' if amp else 'fp32', batch=batch, size=size)
    row |= dict(ms=round(ms, 1), images_per_s=round(1000 * batch / ms, 1), peak_gib=round(peak, 1))
    return row | profiled(step) | dict(first_loss=round(first, 3), last_loss=round(last, 3))


def make_batch(cfg: Config, batch: int, size: int, is_translation: bool, seed: int):
    """Return a function that returns a fresh batch of smooth random images with depth."""
    generator = torch.Generator().manual_seed(seed)
    classes = next(
        (part['num_classes'] for _, part in runtime_dicts(cfg, 'model') if part.get('num_classes')),
        7,
    )

    def image(side: int) -> torch.Tensor:
        coarse = torch.rand(1, 4, side // 32 + 1, side // 32 + 1, generator=generator)
        bands = interpolate(coarse, (side, side), mode='bilinear')[0]
        return torch.cat([bands[:3] * 255, bands[3:].clamp(0.01)]).to(DEVICE)

    if is_translation:
        sides = dict(source=size, target=cfg.model.target_size[0])
        inputs = {name: [image(side) for _ in range(batch)] for name, side in sides.items()}
        return lambda: dict(inputs={name: list(images) for name, images in inputs.items()})
    images = [image(size) for _ in range(batch)]

    def sample(picture: torch.Tensor) -> SegDataSample:
        labels = (picture[3:] * 0.999 * classes).long()
        meta = dict(img_shape=(size, size), ori_shape=(size, size), pad_shape=(size, size))
        return SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=labels))

    if cfg.model.type == 'DomainAdaptation':
        target = [image(size) for _ in range(batch)]
        return lambda: dict(
            inputs=dict(source=list(images), target=list(target)),
            data_samples=dict(
                source=[sample(picture) for picture in images],
                target=[SegDataSample(metainfo=sample(target[0]).metainfo) for _ in target],
            ),
        )
    return lambda: dict(inputs=list(images), data_samples=[sample(picture) for picture in images])


def timed(step) -> tuple[list[float], float]:
    """Return the milliseconds of each step, and the last loss."""
    if DEVICE == 'cpu':
        marks = [time.process_time()]
        for _ in range(TIMED):
            last = step()
            marks.append(time.process_time())
        return [1000 * (end - start) for start, end in pairwise(marks)], last
    events = [torch.cuda.Event(enable_timing=True) for _ in range(TIMED + 1)]
    torch.cuda.synchronize()
    events[0].record()
    for event in events[1:]:
        last = step()
        event.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) for start, end in pairwise(events)], last


def profiled(step) -> dict:
    """Return the average kernel time, launches and blocking copies of a step."""
    if DEVICE == 'cpu':
        return dict(kernel_ms=None, launches=None, waits=None)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        for _ in range(PROFILED):
            step()
        torch.cuda.synchronize()
    events = profiler.key_averages()
    on_device = [e for e in events if e.device_type == torch.autograd.DeviceType.CUDA]
    on_device = [e for e in on_device if not e.key.startswith(('Optimizer.', 'ProfilerStep'))]
    names = ('cudaLaunchKernel', 'cuLaunchKernel')
    return dict(
        kernel_ms=round(sum(e.self_device_time_total for e in on_device) / 1000 / PROFILED, 1),
        launches=round(sum(e.count for e in events if e.key.startswith(names)) / PROFILED),
        waits=round(sum(e.count for e in on_device if e.key.startswith('Memcpy DtoH')) / PROFILED),
    )


if __name__ == '__main__':
    main()
