"""Count the cost of a config, and describe it."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config

from depthda.cost import report
from depthda.cost.cards import GraphicsCard
from depthda.cost.iteration import Cost, count_test, count_training
from depthda.engine.prepare import load_config, load_test_config, use_amp
from depthda.errors import UserError, many

_TEST_SIDE = 1024


def describe(
    config: str, cards: list[GraphicsCard], args: Namespace
) -> tuple[list[str], dict[str, Any]]:
    """Return the lines about a config, and its counts as plain values."""
    load = load_test_config if args.test else load_config
    cfg = load(config, args.cfg_options)
    loader = cfg.get('test_dataloader' if args.test else 'train_dataloader')
    if loader is None:
        kind = 'test' if args.test else 'training'
        raise UserError(f'{config} has no {kind}: leave out --test, or choose another config.')
    if args.batch is not None:
        if args.batch < 1:
            raise UserError(f'--batch {args.batch} must be 1 or more.')
        loader.batch_size = args.batch
    if args.amp and not args.test:
        use_amp(cfg)
    is_compiled = _remove_compile_hooks(cfg)
    sizes = args.size or [_TEST_SIDE if args.test else _expected_side(cfg, config)]
    if args.test:
        cost = count_test(cfg, cards, sizes, args.amp)
    else:
        cost = count_training(cfg, cards, sizes)
    kind = 'test' if args.test else 'training'
    lines = [
        f'{Path(config).stem}: one iteration of {kind}, '
        f'{many(cost.batch, "image" if len(sizes) == 1 else "pair")} per batch',
        *report.table(cost, cards),
    ]
    if not args.test:
        is_half = 'Autocast' in str(cfg.optim_wrapper.get('type'))
        too_small = [card for card in cards if not report.fits(cost, card)]
        smaller = _smaller(cfg, too_small, sizes) if too_small else None
        lines += report.advice(cost, smaller, cards, is_half)
    if is_compiled:
        lines.append('counted without CompileHook, which saves launches and memory')
    if cost.wait_count and not args.test:
        count = many(cost.wait_count, 'time')
        lines.append(f'the CPU waits {count} for the GPU: --detail shows where')
    if args.detail:
        lines += ['', *report.details(cost)]
    sums = ('launch_count', 'cast_count', 'wait_count')
    return lines, asdict(cost) | {name: getattr(cost, name) for name in sums}


def _remove_compile_hooks(cfg: Config) -> bool:
    """Remove each CompileHook, because operations inside compiled code are not seen one by one."""
    named, others = cfg.get('default_hooks') or {}, cfg.get('custom_hooks') or []
    cfg.default_hooks = {key: hook for key, hook in named.items() if not _compiles(hook)}
    cfg.custom_hooks = [hook for hook in others if not _compiles(hook)]
    return len(cfg.default_hooks) + len(cfg.custom_hooks) < len(named) + len(others)


def _compiles(hook: dict | None) -> bool:
    return hook is not None and hook.get('type') == 'CompileHook'


def _smaller(cfg: Config, cards: list[GraphicsCard], sizes: list[int]) -> Cost | None:
    """Return the cost of the largest half, quarter, … of the batch that fits every card.

    Gradients are accumulated, so that an update still learns from as many images.
    """
    batch = cfg.train_dataloader.batch_size
    while cfg.train_dataloader.batch_size > 1:
        cfg.train_dataloader.batch_size //= 2
        cfg.optim_wrapper.accumulative_counts = batch // cfg.train_dataloader.batch_size
        try:
            cost = count_training(cfg, cards, sizes)
        except ValueError:  # batch norm of a single value per channel
            return None
        if all(report.fits(cost, card) for card in cards):
            return cost
    return None


def _expected_side(cfg: Config, config: str) -> int:
    """Return the side of the images that the preprocessor of the model expects."""
    model = cfg.model.get('segmentor') or cfg.model
    size = (model.get('data_preprocessor') or {}).get('size')
    if not size:
        raise UserError(
            f'{config} does not crop its images to one size: name the size of your tiles, such as '
            '--size 512, or --size 896 512 for source and target.'
        )
    return max(size)
