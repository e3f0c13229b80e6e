"""Where a training starts: anew, from given weights, or where an earlier run stopped."""

from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from depthda.engine.checkpoints import check_is_checkpoint, latest_checkpoint, load_checkpoint_file
from depthda.errors import UserError


@dataclass(frozen=True)
class Start:
    """What a run begins with.

    Attributes:
        checkpoint: File to begin from; None: the model's own initialisation.
        resumed: The run goes on with the checkpoint's optimiser and iteration, not its weights
            alone.
        finished: It is at its last iteration already.
        note: What the user should know about the choice, if anything.
    """

    checkpoint: str | None = None
    resumed: bool = False
    finished: bool = False
    note: str | None = None


def find_start(cfg: Config, resume: bool) -> Start:
    """Decide from ``--resume``, the config's ``resume`` and ``load_from``, and the work dir.

    - ``--resume``: the last checkpoint of the work dir; if there is none, as without ``--resume``.
    - ``resume=True`` in the config: the file that ``load_from`` names, as in mmengine; without
      one, the last checkpoint of the work dir.
    - otherwise the weights of ``load_from``, if it is given.
    """
    given, own = cfg.get('load_from'), latest_checkpoint(cfg.work_dir)
    if given is not None:
        check_is_checkpoint(given)
    in_config = bool(cfg.get('resume'))
    if resume and own:
        return _resumed(cfg, str(own))
    if in_config and given:
        return _resumed(cfg, given)
    if in_config and own:
        return _resumed(cfg, str(own))
    if cfg.get('load_partial') and given is None:
        raise UserError(
            'load_partial=True takes what fits of load_from, and load_from is not set: name a '
            'checkpoint there, or leave load_partial out.'
        )
    if resume or in_config:
        begin = f'with the weights of {given}' if given else 'at iteration 0'
        return Start(given, note=f'nothing to resume in {cfg.work_dir}: starting {begin}')
    if own:
        return Start(
            given,
            note=f'{cfg.work_dir} holds {own.name} of an earlier run, and this run starts anew '
            'beside it: stop it and add --resume to go on instead, or give a --work-dir of its own',
        )
    return Start(given)


def _resumed(cfg: Config, path: str) -> Start:
    if '://' in path:
        return Start(path, resumed=True)
    content = load_checkpoint_file(path, map_location='cpu', mmap=True)
    meta = content.get('meta', {})
    if 'optimizer' not in content or 'iter' not in meta:
        raise UserError(
            f'{path} holds weights alone, so no run can go on from it: start from it with '
            'load_from and without resume, or resume from an iter_*.pth.'
        )
    _check_seed(cfg, path, meta)
    unit = 'epochs' if 'max_epochs' in cfg.train_cfg else 'iters'
    done, last = meta[unit.removesuffix('s')], cfg.train_cfg[f'max_{unit}']
    if done > last:
        raise UserError(
            f'{path} is at {unit.removesuffix("s")} {done}, beyond train_cfg.max_{unit}={last}: '
            f'raise max_{unit}, or train into another --work-dir.'
        )
    return Start(path, resumed=True, finished=done == last)


def _check_seed(cfg: Config, path: str, meta: dict) -> None:
    """Refuse another seed: mmengine would go on with the old one after a warning."""
    wanted, found = (cfg.get('randomness') or {}).get('seed'), meta.get('seed')
    if None not in (wanted, found) and wanted != found:
        raise UserError(
            f'{path} is of a run with seed {found}, and this one has randomness.seed={wanted}: '
            f'resume with --cfg-options randomness.seed={found}, or train seed {wanted} into '
            f'another --work-dir than {Path(cfg.work_dir)}.'
        )
