"""Measure the training steps of configs, as docs/benchmarks.md reports them.

    python docs/scripts/measure_training_steps.py CONFIG … [--ways stock ours half compiled]
        [--test] [--batch 4] [--size 512] [--json FILE]

The networks have random weights, and the optimiser is that of the config. The batches are random
images in the memory of the device, so the time to read files is not measured. Each config runs
some steps to warm up, 40 that are timed one by one, and 5 under the profiler. Without a GPU, it
runs 6 steps, and the time is CPU time, which other programs do not affect.

The ways are: stock, the same network in mmseg's segmentor with its preprocessor and cross-entropy,
float16 with loss scaling, and an optimiser that is not fused; fp32; ours, the config with --amp;
half, with half_parts; compiled and half-compiled, with CompileHook. With --test, steps of testing
are measured instead: fp32, tf32, half (depthda test --amp), compiled and half-compiled.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from statistics import fmean, median
from types import SimpleNamespace
from unittest.mock import patch

import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.models.losses import cross_entropy_loss
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.nn.functional import interpolate
from torch.profiler import ProfilerActivity, profile

import depthda  # noqa: F401
from depthda.engine.hooks.compile_hook import CompileHook
from depthda.engine.hooks.deferred_info_hook import _kept
from depthda.engine.hooks.half_test_hook import HalfTestHook
from depthda.engine.overrides import runtime_dicts, segmentor_config
from depthda.engine.prepare import load_config, use_amp
from depthda.models.backbones import drop_path

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
WARM_UP, TIMED, PROFILED = (8, 40, 5) if DEVICE == 'cuda' else (1, 5, 0)
WAYS = ('stock', 'fp32', 'tf32', 'ours', 'half', 'compiled', 'half-compiled')
HALF = ('backbone', 'neck', 'decode_head', 'auxiliary_head')
KEYS = 'way ms images_per_s peak_gib kernel_ms launches waits first_loss last_loss'.split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--ways', nargs='+', default=['ours'], choices=WAYS, help='see above')
    parser.add_argument('--test', action='store_true', help='measure tests of images')
    parser.add_argument('--batch', type=int, help='batch size (default: that of the config)')
    parser.add_argument('--size', type=int, default=512, help='side of the images in pixels')
    parser.add_argument('--json', help='file for the results')
    args = parser.parse_args()
    init_default_scope('mmseg')
    MMLogger.get_instance('steps', log_level='ERROR')  # init_weights logs each parameter
    torch.backends.cudnn.benchmark = True  # as in the configs
    rows = []
    for config in args.configs:
        for way in args.ways:
            rows.append(measure(config, way, args.batch, args.size, args.test))
            print(config, *(f'{key} {rows[-1][key]}' for key in KEYS), sep='  ', flush=True)
            if args.json:
                name = torch.cuda.get_device_name() if DEVICE == 'cuda' else 'CPU'
                about = dict(device=name, torch=torch.__version__, rows=rows)
                Path(args.json).write_text(json.dumps(about, indent=1) + '\n')


def measure(config: str, way: str, batch: int | None, size: int, test: bool = False) -> dict:
    """Return the figures of one config."""
    cfg = load_config(config)
    for _, part in runtime_dicts(cfg, 'model'):
        part.update({key: None for key in ('weights', 'init_cfg') if part.get(key)})
    is_translation = 'target_size' in cfg.model
    batch = batch or cfg.train_dataloader.batch_size
    if cfg.model.get('warm_up'):
        cfg.model.warm_up = 0  # these steps would use only the source
    preprocessor = segmentor_config(cfg.model).data_preprocessor
    if not is_translation and preprocessor.get('size'):
        preprocessor.size = (size, size)
    with set_up(cfg, way):
        torch.manual_seed(0)
        model = revert_sync_batchnorm(MODELS.build(cfg.model))  # as mmengine's runner does
        model.init_weights()
        wrapper = build_optim_wrapper(model.to(DEVICE).train(not test), cfg.optim_wrapper)
        if 'compiled' in way:
            CompileHook().before_train(SimpleNamespace(model=model))
        batches = [make_batch(cfg, batch, size, is_translation, seed) for seed in range(2)]
        if test:
            row = measure_test(model, batches, way)
        else:
            row = measure_steps(model, wrapper, batches, way, is_translation)
    ms = row['ms']
    row |= dict(config=config, batch=batch, size=size, images_per_s=round(1000 * batch / ms, 1))
    del model, wrapper
    if DEVICE == 'cuda':
        torch.cuda.empty_cache()
    return row


@contextmanager
def set_up(cfg: Config, way: str) -> Iterator[None]:
    """Change a config for a way to train; for stock mmseg, also undo what this project replaces."""
    optimizer = cfg.optim_wrapper
    if way == 'stock':
        cfg.model.type = 'EncoderDecoder'
        size = cfg.model.data_preprocessor.get('size')
        settings = dict(mean=[110.0], std=[58.0], size=size, pad_val=0, seg_pad_val=255)
        cfg.model.data_preprocessor = dict(type='SegDataPreProcessor', **settings)
        if DEVICE == 'cuda':
            optimizer.update(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')
        optimizer.optimizer.pop('fused', None)
        loss = patch.object(cross_entropy_loss, 'cross_entropy', stock_cross_entropy())
        with loss, patch.object(drop_path, '_REPLACED', ()):
            yield
        return
    if way != 'fp32':
        use_amp(cfg)
    if 'half' in way:
        parts = segmentor_config(cfg.model)
        optimizer.half_parts = [name for name in HALF if parts.get(name) is not None]
    yield


def stock_cross_entropy():
    """Return mmseg's own function, which importing depthda replaces."""
    source = Path(cross_entropy_loss.__file__).read_text(encoding='utf-8')
    names: dict = {'__name__': 'stock', '__package__': cross_entropy_loss.__package__}
    source = source.replace('@MODELS.register_module()', '')
    exec(compile(source, cross_entropy_loss.__file__, 'exec'), names)
    return names['cross_entropy']


def measure_steps(model, wrapper, batches: list, way: str, is_translation: bool) -> dict:
    """Return the time, the memory, the launches and the waits of a step."""
    hub, numbers = MessageHub.get_current_instance(), count()

    def step(read: bool = way == 'stock') -> float | None:
        number = next(numbers)
        hub.update_info('iter', number)
        losses = model.train_step(batches[number % 2](), wrapper)
        if read:  # as mmengine's RuntimeInfoHook does in each iteration
            values = {key: float(value.detach()) for key, value in losses.items()}
            return values.get('loss', values.get('loss_critic', 0.0))
        _kept(losses)  # as our DeferredInfoHook does
        return None

    if DEVICE == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    first = step(read=True)
    seconds = time.perf_counter() - start
    for _ in range(WARM_UP):
        step()
    times = timed(step)
    # Steps of a translation differ, because the generators are not trained in every step.
    ms = fmean(times) if is_translation else median(times)
    peak = torch.cuda.max_memory_allocated() / 2**30 if DEVICE == 'cuda' else 0.0
    row = dict(way=way, ms=round(ms, 1), peak_gib=round(peak, 2), first_step_s=round(seconds, 1))
    row['fastest_ms'], row['slowest_ms'] = round(min(times), 1), round(max(times), 1)
    row |= profiled(step)
    return row | dict(first_loss=round(first, 3), last_loss=round(step(read=True), 3))


@torch.no_grad()
def measure_test(model, batches: list, way: str) -> dict:
    """Return the same for the test of a batch of images."""
    hook, runner, numbers = HalfTestHook((DEVICE,)), SimpleNamespace(model=model), count()
    if 'half' in way:
        hook.before_test(runner)
    torch.set_float32_matmul_precision('high' if way == 'tf32' else 'highest')

    def step() -> None:
        model.test_step(batches[next(numbers) % 2]())

    for _ in range(WARM_UP):
        step()
    if DEVICE == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    times = timed(step)
    peak = torch.cuda.max_memory_allocated() / 2**30 if DEVICE == 'cuda' else 0.0
    row = dict(way=f'test, {way}', ms=round(median(times), 1), peak_gib=round(peak, 2))
    row |= profiled(step) | dict(first_loss=None, last_loss=None)
    hook.after_test(runner)
    return row


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


def timed(step) -> list[float]:
    """Return the milliseconds of each step."""
    if DEVICE == 'cpu':
        marks = [time.process_time()]
        for _ in range(TIMED):
            step()
            marks.append(time.process_time())
        return [1000 * (end - start) for start, end in pairwise(marks)]
    events = [torch.cuda.Event(enable_timing=True) for _ in range(TIMED + 1)]
    torch.cuda.synchronize()
    events[0].record()
    for event in events[1:]:
        step()
        event.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) for start, end in pairwise(events)]


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
