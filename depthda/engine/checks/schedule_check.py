"""Check that a schedule fits the length of a run, and counts in its unit: iterations or epochs."""

from collections import defaultdict
from collections.abc import Iterator

from mmengine.config import Config

from depthda.engine.overrides import runtime_dicts, runtime_nodes
from depthda.errors import UserError

# Schedulers that end at their lowest rate; others keep the rate or raise it at their end.
_DECAYS = ('PolyLR', 'PolyLRRatio', 'CosineAnnealingLR')
_LOW = 0.01  # share of the learning rate below which weights hardly change


def check_units(cfg: Config) -> None:
    """Refuse to count epochs in a run of iterations: the scheduler or hook would never act."""
    if 'max_epochs' in cfg.train_cfg:
        return
    reason = 'counts epochs, but a run with train_cfg.max_iters has none'
    for key, scheduler in _schedulers(cfg):
        if scheduler.get('by_epoch', True) and not scheduler.get('convert_to_iter_based'):
            raise UserError(
                f'{key}.by_epoch=True{_default(scheduler)} {reason}, so {scheduler.type} would '
                f'never take a step: set {key}.by_epoch=False.'
            )
    hooks, nothing = cfg.get('default_hooks') or {}, 'so nothing would be saved before the end'
    if 'checkpoint' not in hooks and not _saves(cfg):
        raise UserError(
            f"without default_hooks.checkpoint, mmengine's own hook {reason}, {nothing}: "
            "set default_hooks.checkpoint=dict(type='PlainCheckpointHook', by_epoch=False, "
            'interval=4000).'
        )
    hook = hooks.get('checkpoint')
    if hook is not None and hook.get('by_epoch', True):
        raise UserError(
            f'default_hooks.checkpoint.by_epoch=True{_default(hook)} {reason}, {nothing}: set '
            'default_hooks.checkpoint.by_epoch=False.'
        )


def check_validation(cfg: Config) -> None:
    """Refuse a validation that begins after the end of the run: it would never take place."""
    unit = 'max_epochs' if 'max_epochs' in cfg.train_cfg else 'max_iters'
    begin, last = cfg.train_cfg.get('val_begin', 1), cfg.train_cfg.get(unit)
    if cfg.get('val_dataloader') is not None and last and begin > last:
        raise UserError(
            f'train_cfg.val_begin={begin} is after train_cfg.{unit}={last}, so the run would never '
            f'validate or keep a best checkpoint: set val_begin to {last} or less.'
        )


def schedule_warnings(cfg: Config) -> list[str]:
    """Warn of schedules that end before the run or long after it, and of missing checkpoints."""
    unit = 'max_epochs' if 'max_epochs' in cfg.train_cfg else 'max_iters'
    last, warnings = cfg.train_cfg.get(unit), []
    hooks = cfg.get('default_hooks') or {}
    if hooks.get('checkpoint', hooks) is None and not _saves(cfg):
        warnings.append(
            'default_hooks.checkpoint is None, so no checkpoint will be saved: remove this setting '
            'to keep the trained weights.'
        )
    lists = defaultdict(list)
    for key, scheduler in _schedulers(cfg):
        if scheduler.get('by_epoch', True) != (unit == 'max_epochs'):
            continue  # a warm-up may count iterations in a run of epochs
        if late := [step for step in scheduler.get('milestones') or () if step > last]:
            warnings.append(
                f'{key}.milestones={late} are never reached, because train_cfg.{unit}={last}: set '
                'milestones within the run.'
            )
        if scheduler.type.endswith(('LR', 'LRRatio')):
            lists[key.rpartition('.')[0]].append((scheduler.get('end') or last, key, scheduler))
    for schedulers in lists.values():
        end, key, scheduler = max(schedulers, key=lambda entry: entry[0])
        if end < last and scheduler.type in _DECAYS and _lowest(cfg, scheduler) <= _LOW:
            warnings.append(
                f'{key}.end={end} is before train_cfg.{unit}={last}, so the learning rate stays at '
                f'its lowest value from there on: set {key}.end={last} to learn until the end.'
            )
        if end > 2 * last:
            keys = [
                f'{key}.{name}'
                for _, key, scheduler in schedulers
                for name in ('begin', 'end')
                if scheduler.get(name)
            ]
            warnings.append(
                f'train_cfg.{unit}={last} ends the run long before its schedule, which ends at '
                f'{end}: adapt {", ".join(keys)} to the run.'
            )
    return warnings


def _saves(cfg: Config) -> bool:
    """Return whether one of the custom hooks writes checkpoints."""
    # Recognised by name, because a hook may be a custom class, given by name, class or instance.
    return any('CheckpointHook' in str(hook) for hook in cfg.get('custom_hooks') or ())


def _schedulers(cfg: Config) -> Iterator[tuple[str, dict]]:
    """Yield every scheduler with its key, from one dict, a list, or a list for each optimiser."""
    schedulers = runtime_dicts(cfg, 'param_scheduler')
    return ((key, scheduler) for key, scheduler in schedulers if 'type' in scheduler)


def _lowest(cfg: Config, scheduler: dict) -> float:
    """Return the last value of a decay, as a fraction of the learning rate."""
    if (ratio := scheduler.get('eta_min_ratio')) is not None:
        return ratio
    nodes = runtime_nodes({'optim_wrapper': cfg.optim_wrapper})
    rates = [rate for key, rate in nodes if key.endswith('.lr')]
    return scheduler.get('eta_min', 0) / max(rates, default=1)


def _default(node: dict) -> str:
    return '' if 'by_epoch' in node else ' (the default)'
