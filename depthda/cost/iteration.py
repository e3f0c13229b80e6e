"""Run whole iterations of a training or a test, with their hooks, on fake CUDA tensors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor
from mmengine.optim import OptimWrapperDict
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from torch import nn

from depthda.cost.batch import made_up_batch
from depthda.cost.cards import GraphicsCard
from depthda.cost.counter import StepCounter
from depthda.cost.fake_cuda import fake_cuda
from depthda.engine.hooks.half_test_hook import HalfTestHook
from depthda.engine.launch import add_needed_hooks

_TILES = 1000  # of the dataset that the loader claims to have


@dataclass
class Cost:
    """What one iteration costs: counts, and estimated seconds on each card."""

    batch: int
    launches: dict[str, int]  # by phase: forward, backward, optimiser
    operations: dict[str, int]  # launches by operation
    waits: dict[str, int]  # by reason and place
    casts: dict[str, int]  # by types
    gflop: float
    gigabytes: float  # moved by the operations
    resident_gib: float  # weights, statistics and the state of the optimisers
    peak_gib: float
    parameters: int
    seconds: dict[str, float]  # by card: sum of the least time of each operation
    limits: dict[str, dict[str, float]]  # by card: seconds limited by bandwidth and by computation
    iterations: int | None = None  # of the schedule

    @property
    def launch_count(self) -> int:
        return sum(self.launches.values())

    @property
    def cast_count(self) -> int:
        return sum(self.casts.values())

    @property
    def wait_count(self) -> int:
        return sum(self.waits.values())


@dataclass
class _Loader:
    """Takes the place of a data loader; the batches are passed to the loop directly."""

    batch_size: int
    metainfo: dict
    sampler: Any = None
    dataset: '_Loader' = field(init=False)

    def __post_init__(self) -> None:
        self.dataset = self

    def __len__(self) -> int:
        return _TILES


class _FakeRunner(Runner):
    """A runner of a model that is already built and already on the device."""

    fake_model: nn.Module

    def build_model(self, model: Any) -> nn.Module:
        return self.fake_model

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> nn.Module:
        return model

    def _log_env(self, env_cfg: dict) -> None:
        """Log nothing: the description of the environment would ask for CUDA libraries."""


def count_training(cfg: Config, cards: list[GraphicsCard], sizes: list[int]) -> Cost:
    """Count a training iteration between two logging intervals.

    If iterations differ, because of critics or accumulated gradients, their average is counted.
    """
    count = cfg.train_dataloader.batch_size
    batch = made_up_batch(cfg, 'train', count, sizes)
    with _runner(cfg) as runner:
        model, counter = runner.model, StepCounter(cards)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers or [])
        runner._train_loop = loop = runner.build_train_loop(runner._train_loop)
        add_needed_hooks(runner, model)
        loop._iter = _quiet_iteration(loop.max_iters)
        runner.message_hub.update_info('iter', loop._iter)
        # Critics learn in some iterations, and with accumulated gradients, weights change in some.
        wrapper = runner.optim_wrapper
        parts = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
        cycle = getattr(model, 'n_critic', 1) * max(part._accumulative_counts for part in parts)
        with counter:
            _count_weights(counter, model)
            for name in ('before_run', 'before_train', 'before_train_epoch'):
                runner.call_hook(name)
            model.train()
            for _ in range(cycle):  # afterwards the optimisers have their state
                loop.run_iter(batch)
            counter.reset()
            for _ in range(cycle):
                loop.run_iter(batch)
        return _cost(counter, model, count, cycle, loop.max_iters)


def count_test(cfg: Config, cards: list[GraphicsCard], sizes: list[int], amp: bool = False) -> Cost:
    """Count the prediction and the scoring of one batch of test images."""
    count = cfg.test_dataloader.batch_size
    batch = made_up_batch(cfg, 'test', count, sizes)
    with _runner(cfg) as runner:
        model, counter = runner.model, StepCounter(cards)
        runner._test_loop = loop = runner.build_test_loop(runner._test_loop)
        if amp:
            runner.register_hook(HalfTestHook())
        with counter:
            _count_weights(counter, model)
            for name in ('before_run', 'before_test', 'before_test_epoch'):
                runner.call_hook(name)
            model.eval()
            loop.run_iter(0, batch)
            counter.reset()
            loop.run_iter(1, batch)
        return _cost(counter, model, count)


@contextmanager
def _runner(cfg: Config) -> Iterator[Runner]:
    """Yield a runner whose model is on the fake device."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    # mmseg's MiT reads the values of a range, which a tensor without values does not have.
    on_cpu = patch('torch.linspace', partial(torch.linspace, device='cpu'))
    with torch.device('meta'), on_cpu:
        model = MODELS.build(cfg.model)
    with TemporaryDirectory() as folder, fake_cuda() as mode, mode:
        model._apply(lambda t: torch.empty(t.shape, dtype=t.dtype, device='cuda'))
        for module in model.modules():
            if isinstance(module, BaseDataPreprocessor):
                module._device = torch.device('cuda')
        model.is_init = True
        loaders = {
            f'{name}_dataloader': _Loader(cfg[f'{name}_dataloader'].batch_size, _metainfo(model))
            for name in ('train', 'test')
            if cfg.get(f'{name}_dataloader')
        }
        runner_type = type('FakeRunner', (_FakeRunner,), dict(fake_model=model))
        keys = (
            'optim_wrapper', 'param_scheduler', 'train_cfg', 'test_cfg', 'test_evaluator',
            'default_hooks', 'custom_hooks', 'log_processor', 'randomness', 'default_scope',
        )  # fmt: skip
        settings = {key: cfg.get(key) for key in keys} | loaders
        yield runner_type(model={}, work_dir=folder, log_level='ERROR', cfg=cfg, **settings)


def _metainfo(model: nn.Module) -> dict:
    segmentor = getattr(model, 'segmentor', model)
    classes = getattr(getattr(segmentor, 'decode_head', None), 'num_classes', None) or 1
    names = tuple(f'class {index}' for index in range(classes))
    return dict(classes=names, palette=[[0, 0, 0]] * classes)


def _quiet_iteration(max_iters: int) -> int:
    """Return an iteration after all warm-ups at which no interval of a hook ends soon."""
    half = max_iters // 2
    if half < 100:
        return min(1, half)
    return half // 100 * 100 + 1


def _count_weights(counter: StepCounter, model: nn.Module) -> None:
    for tensor in (*model.parameters(), *model.buffers()):
        counter.memory.add(tensor)


def _cost(
    counter: StepCounter,
    model: nn.Module,
    batch: int,
    cycle: int = 1,
    iterations: int | None = None,
) -> Cost:
    phases: dict[str, int] = {}
    operations: dict[str, int] = {}
    for (phase, name), number in counter.launches.items():
        phases[phase] = phases.get(phase, 0) + number
        operations[name] = operations.get(name, 0) + round(number / cycle)
    gib = 2**30
    return Cost(
        batch=batch,
        launches={name: round(number / cycle) for name, number in phases.items()},
        operations=operations,
        waits={' | '.join(key): number for key, number in counter.waits.most_common()},
        casts={name: round(number / cycle) for name, number in counter.casts.items()},
        gflop=counter.flops / cycle / 1e9,
        gigabytes=counter.moved / cycle / 1e9,
        resident_gib=counter.memory.live / gib,
        peak_gib=counter.memory.peak / gib,
        parameters=sum(p.numel() for p in model.parameters()),
        seconds={name: value / cycle for name, value in counter.seconds.items()},
        limits={name: dict(values) for name, values in counter.by_limit.items()},
        iterations=iterations,
    )
