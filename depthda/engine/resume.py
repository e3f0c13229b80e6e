"""Decide where a training starts: anew, from given weights, or where an earlier run stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner

from depthda.checkpoints import loading
from depthda.errors import UserError, many
from depthda.provenance import samples_per_iteration

# Three texts of a message: what the checkpoint's run had, what this run has, how to resume.
Change = tuple[str, str, str]


@dataclass(frozen=True)
class Start:
    """The checkpoint that a run starts from, and how the run uses it."""

    checkpoint: str | None = None  # file to start from; None for the model's own initialisation
    resumed: bool = False  # whether the checkpoint's optimiser and iteration are taken, too
    finished: bool = False  # whether the run is already at its last iteration
    note: str | None = None  # what the user should know about the choice


def find_start(cfg: Config, resume: bool) -> Start:
    """Decide where a run starts.

    - With ``--resume``, it continues from the last checkpoint of the work dir. If there is none, it
      starts as without ``--resume``.
    - With ``resume=True`` in the config, it continues from the file that ``load_from`` names, as in
      mmengine. Without ``load_from``, it continues from the last checkpoint of the work dir.
    - Otherwise it starts from the weights of ``load_from``, if that is given.
    """
    load_from, last = cfg.get('load_from'), loading.latest_checkpoint(cfg.work_dir)
    if load_from is not None:
        loading.check_is_checkpoint(load_from)
    in_config = bool(cfg.get('resume'))
    if in_config and load_from and not (resume and last):
        return _resumed(cfg, load_from)
    if last and (resume or in_config):
        try:
            return _resumed(cfg, str(last))
        except loading.DamagedCheckpointError as error:
            previous = loading.latest_checkpoint(cfg.work_dir, exclude=last)
            outcome = f'continue from {previous.name}' if previous else 'start at iteration 0'
            raise UserError(
                f'{last} is damaged or incomplete: remove it, and --resume will {outcome}.'
            ) from error
    if cfg.get('load_partial') and load_from is None:
        raise UserError(
            'load_partial=True needs a checkpoint, and load_from is not set: set load_from to a '
            'checkpoint, or leave out load_partial.'
        )
    if resume or in_config:
        begin = f'with the weights of {load_from}' if load_from else 'at iteration 0'
        return Start(load_from, note=f'nothing to resume in {cfg.work_dir}: starting {begin}')
    if last:
        return Start(
            load_from,
            note=f'{cfg.work_dir} contains {last.name} of an earlier run, but this run starts from '
            'the beginning in the same folder: stop it, then add --resume to continue the earlier '
            'run, or use another --work-dir',
        )
    return Start(load_from)


def _resumed(cfg: Config, path: str) -> Start:
    if '://' in path:
        return Start(path, resumed=True)
    content = loading.load_checkpoint_file(path, map_location='cpu', mmap=True)
    meta = content.get('meta', {})
    if 'optimizer' not in content or 'iter' not in meta:
        raise UserError(
            f'{path} contains only weights, so no run can be resumed from it: leave out resume to '
            'start from it with load_from, or resume from an iter_*.pth file.'
        )
    seed, saved_seed = (cfg.get('randomness') or {}).get('seed'), meta.get('seed')
    # mmengine would only warn of another seed, and continue with the old one.
    if None not in (seed, saved_seed) and seed != saved_seed:
        raise UserError(
            f'{path} comes from a run with seed {saved_seed}, but this run has '
            f'randomness.seed={seed}: resume with --cfg-options randomness.seed={saved_seed}, or '
            f'train with seed {seed} in a --work-dir other than {Path(cfg.work_dir)}.'
        )
    unit = 'epochs' if 'max_epochs' in cfg.train_cfg else 'iters'
    done, last = meta[unit.removesuffix('s')], cfg.train_cfg[f'max_{unit}']
    if done > last:
        raise UserError(
            f'{path} is at {unit.removesuffix("s")} {done}, beyond train_cfg.max_{unit}={last}: '
            f'raise max_{unit}, or train in another --work-dir.'
        )
    return Start(path, resumed=True, finished=done == last)


def check_resumed(runner: Runner, checkpoint: dict) -> None:
    """Refuse to resume if the optimiser, schedule or batch size differs from the checkpoint's.

    mmengine takes optimiser and schedule from the checkpoint, so other values in the config would
    have no effect. Another batch size would change what a learning rate and an iteration mean.
    """
    path, searches = runner._load_from, (_batch_changes, _scheduler_changes, _optimiser_changes)
    changes = (change for search in searches for change in search(runner, checkpoint))
    if first := next(changes, None):
        old, new, advice = first
        raise UserError(
            f'{path} comes from a run with {old}, and a resumed run must have the same, but this '
            f'run has {new}: resume with {advice}, or start from the weights with '
            f'load_from={path} in another --work-dir.'
        )


def _batch_changes(runner: Runner, checkpoint: dict) -> Iterator[Change]:
    """Find a changed number of samples per iteration over all processes."""
    new, old = samples_per_iteration(runner), checkpoint['meta'].get('samples_per_iteration')
    if None in (new, old) or new == old:
        return
    processes, now = get_world_size(), str(new)
    batch_size, remainder = divmod(old, processes)
    advice = f'--cfg-options train_dataloader.batch_size={batch_size}'
    if remainder:
        advice = f'a number of processes and a batch_size that together make {old}'
    if processes > 1:
        now += f' ({runner.train_dataloader.batch_size} in each of {processes} processes)'
    yield f'batches of {old} samples', now, advice


def _scheduler_changes(runner: Runner, checkpoint: dict) -> Iterator[Change]:
    """Find schedulers that have been added, removed or replaced, or that have other settings."""
    both = (runner.param_schedulers or [], checkpoint.get('param_schedulers') or [])
    # Schedulers by the name of their optimiser, which is '' if there is only one.
    now, saved = (part if isinstance(part, dict) else {'': part} if part else {} for part in both)
    for name in dict.fromkeys((*saved, *now)):
        new, old = now.get(name, []), saved.get(name, [])
        key = f'param_scheduler.{name}' if name else 'param_scheduler'
        if len(new) != len(old):
            shown = f'{many(len(old), "scheduler")} in {key}'
            yield shown, str(len(new)), f'the {key} of that run'
        cfg, path = runner.cfg.get('param_scheduler'), 'param_scheduler'
        if isinstance(cfg, dict) and 'type' not in cfg:
            cfg, path = cfg.get(name), key
        for number, (scheduler, before) in enumerate(zip(new, old, strict=False)):
            state = scheduler.state_dict()
            # The type is not saved, but each type has its own set of keys.
            if state.keys() != before.keys():
                kind = type(scheduler).__name__
                shown = f'a scheduler other than {kind} in {key}.{number}'
                yield shown, kind, f'the {key} of that run'
            if not cfg:
                continue
            is_list = isinstance(cfg, (list, tuple))
            settings, prefix = (cfg[number], f'{path}.{number}') if is_list else (cfg, path)
            for option in dict.fromkeys((*settings, 'end')):
                if option in state and not _same(state[option], before[option]):
                    yield _setting(f'{prefix}.{option}', state[option], before[option])


def _optimiser_changes(runner: Runner, checkpoint: dict) -> Iterator[Change]:
    """Find changed settings of the optimisers."""
    now, saved, cfg = runner.optim_wrapper, checkpoint['optimizer'], runner.cfg.optim_wrapper
    if not isinstance(now, OptimWrapperDict):
        now, saved, cfg = {'': now}, {'': saved}, {'': cfg}
    # Without a scheduler, no initial rate is saved, so a rate that a hook has lowered would look
    # like a changed setting.
    rate_may_differ = runner.cfg.get('custom_hooks') and not runner.cfg.get('param_scheduler')
    for name, part in now.items():
        key = f'optim_wrapper.{name}.optimizer' if name else 'optim_wrapper.optimizer'
        settings, groups = cfg.get(name, {}).get('optimizer', {}), part.optimizer.param_groups
        before = saved.get(name, {}).get('param_groups', [])
        for option in sorted(settings.keys() - {'lr' if rate_may_differ else 'type'}):
            pairs = [
                (_began_with(group, option), _began_with(old, option))
                for group, old in zip(groups, before, strict=False)
            ]
            changed = [pair for pair in pairs if not _same(*pair)]
            # Groups may have multiples of the config's rate. Report one that has the rate itself.
            changed.sort(key=lambda pair: not _same(pair[0], settings[option]))
            yield from (_setting(f'{key}.{option}', *pair) for pair in changed[:1])


def _setting(key: str, new: Any, old: Any) -> Change:
    return f'{key}={old!r}', repr(new), f'--cfg-options {key}={old!r}'


def _began_with(group: dict, option: str) -> Any:
    """Return an option of an optimiser as it was before a scheduler changed it."""
    return group.get(f'initial_{option}', group.get(option))


def _same(first: Any, second: Any) -> bool:
    first, second = (list(v) if isinstance(v, tuple) else v for v in (first, second))
    return first == second
