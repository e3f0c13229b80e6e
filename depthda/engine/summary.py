"""Show in about ten lines what a run is about to do, before its first iteration."""

import re
from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, EpochBasedTrainLoop
from torch import nn

from depthda.console import show, warn
from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper
from depthda.engine.overrides import runtime_nodes
from depthda.engine.resume import Start
from depthda.models.tensors import unwrapped
from depthda.provenance import describe_dataset, device_name
from depthda.version import __version__


class SummaryHook(Hook):
    """Show the summary of a run, followed by the warnings in ``notes``.

    The list is read just before the first iteration, so a check that runs until then may add to it.
    """

    # Run after every other hook, to show what the other hooks have found and set.
    priority = 'LOWEST'

    def __init__(self, start: Start, notes: list[str]) -> None:
        self.start = start
        self.notes = notes

    def before_train(self, runner) -> None:
        lines = {'train data': data_line(runner.train_dataloader.dataset)}
        if runner.val_loop is not None:
            lines['validation'] = data_line(runner.val_dataloader.dataset)
        lines |= {'model': _model(runner.model), 'schedule': _schedule(runner)}
        lines['optimiser'] = ', '.join(_optimisers(runner.optim_wrapper))
        lines['device'] = f'{_device(runner)}, {_precision(runner.optim_wrapper)}'
        self._show(runner, lines)

    def before_test(self, runner) -> None:
        loader = runner.test_loop.dataloader
        lines = {'test data': data_line(loader.dataset), 'model': _model(runner.model)}
        self._show(runner, lines | {'device': _device(runner)})

    def _show(self, runner, lines: dict[str, str]) -> None:
        lines |= {'starts from': _origin(runner, self.start), 'results': runner.work_dir}
        lines['full log'] = f'{runner.log_dir}/{runner.timestamp}.log'
        title = f'depthda {__version__}, {runner.cfg.filename or runner.experiment_name}'
        show('\n'.join([title, *(f'  {name:12} {text}' for name, text in lines.items())]))
        for note in self.notes:
            warn(note)


def data_line(dataset: Any) -> str:
    """Describe a dataset in one line: number of images, folder, domains and splits."""
    described = describe_dataset(dataset)
    parts = [f'{name} {data_line(part)}' for name, part in getattr(dataset, 'sets', {}).items()]
    if parts:
        return '; '.join(parts)
    names: list[str] = []
    for key in ('domains', 'domain', 'splits', 'split'):
        value = described.get(key) or []
        names += [value] if isinstance(value, str) else value
    if described.get('holdout'):
        names.append(f'part {described["holdout"].get("part")}')
    selection = f' ({", ".join(dict.fromkeys(names))})' if names else ''
    origin = described.get('data_root') or described['type']
    return f'{described["images"]} images of {origin}{selection}'


def _model(model: nn.Module) -> str:
    model = unwrapped(model)
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(part.numel() for part in model.parameters() if part.requires_grad)
    shown = [f'{n / 1e6:.2f} M' if n >= 10_000 else str(n) for n in (total, trained)]
    text = f'{type(model).__name__}, {shown[0]} parameters'
    return f'{text}, {shown[1]} of them trainable' if trained < total else text


def _schedule(runner) -> str:
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    text = f'{runner.max_iters} iterations with batches of {runner.train_dataloader.batch_size}'
    if by_epoch:
        text = f'{runner.max_epochs} epochs, {text}'
    if runner.world_size > 1:
        text += f' in each of {runner.world_size} processes'
    if runner.val_loop is not None:
        unit = 'epochs' if by_epoch else 'iterations'
        text += f', validation every {runner.train_loop.val_interval} {unit}'
    return text


def _optimisers(wrapper: OptimWrapper | OptimWrapperDict) -> Iterator[str]:
    """Describe each optimiser with its highest learning rate after the warm-up."""
    parts = wrapper.items() if isinstance(wrapper, OptimWrapperDict) else [('', wrapper)]
    for name, part in parts:
        rates = [group.get('initial_lr', group['lr']) for group in part.param_groups]
        text = f'{name} {type(part.optimizer).__name__}, learning rate {max(rates):g}'.strip()
        if min(rates) < max(rates):
            text += f' (lowest {min(rates):.3g})'
        steps = part._accumulative_counts
        yield f'{text}, gradients accumulated over {steps} iterations' if steps > 1 else text


def _device(runner) -> str:
    processes = f'{runner.world_size} processes on ' if runner.world_size > 1 else ''
    return f'{processes}{device_name()}'


def _precision(wrapper: OptimWrapper | OptimWrapperDict) -> str:
    part = next(iter(wrapper.values())) if isinstance(wrapper, OptimWrapperDict) else wrapper
    if isinstance(part, AutocastOptimWrapper):
        return 'bfloat16 (mixed)' if part.is_active else 'fp32: no mixed precision on this device'
    if isinstance(part, AmpOptimWrapper):
        return f'{str(part.cast_dtype or "float16").removeprefix("torch.")} (mixed)'
    return 'fp32'


def _origin(runner, start: Start) -> str:
    """Describe what a run starts from: a checkpoint, pretrained weights or random weights."""
    if start.resumed:
        return f'{start.checkpoint}, resumed at iteration {runner.iter}'
    if start.checkpoint:
        partial = runner.cfg.get('load_partial') and isinstance(runner._train_loop, BaseLoop)
        text = f'the weights of {start.checkpoint}'
        return f'{text} that fit the model (see above)' if partial else text
    nodes = [(key, value) for key, value in runtime_nodes(runner.cfg) if isinstance(value, str)]
    named = {value for key, value in nodes if re.match(r'model\..*(weights|checkpoint)$', key)}
    return f'pretrained {", ".join(sorted(named))}' if named else 'random weights'
