"""What a training may spend: iterations, learning rate, batch size and crop size."""

from collections.abc import Mapping, Sequence

from mmengine.config import Config

from depthda.engine.overrides import read_nodes

NOT_RECORDED = 'not recorded'
Budget = dict[str, str]


def read_budget(cfg: Config | None) -> Budget:
    """Return the budget of a training as text, read from its config; None: not recorded."""
    cfg, absent = (Config(), NOT_RECORDED) if cfg is None else (cfg, 'none')
    loader, wrapper = cfg.get('train_dataloader') or {}, cfg.get('optim_wrapper') or {}
    length = cfg.get('train_cfg') or {}
    steps = [f'{length[key]:,}' for key in ('max_iters', 'max_epochs') if length.get(key)]
    unit = ' epochs' if length.get('max_epochs') else ''
    batch = loader.get('batch_size')
    # With several optimisers, each learning rate follows the name of its optimiser.
    parts = {f'{name} ': part for name, part in wrapper.items() if isinstance(part, Mapping)}
    parts = {name: part for name, part in ({'': wrapper} | parts).items() if 'optimizer' in part}
    nodes = read_nodes({'train_dataloader': loader})
    sizes = [value for key, value in nodes if key.endswith('.crop_size') and value]
    crops = dict.fromkeys((size, size) if isinstance(size, int) else tuple(size) for size in sizes)
    found = {
        'iterations': [f'{step}{unit}' for step in steps],
        'learning rate': [f'{name}{part["optimizer"]["lr"]:g}' for name, part in parts.items()],
        'batch size': [batch * wrapper.get('accumulative_counts', 1)] if batch else [],
        'crop': [f'{height} × {width}' for height, width in crops],
    }
    return {key: ', '.join(map(str, value)) or absent for key, value in found.items()}


def differing_budgets(sides: Mapping[str, Sequence[Budget]]) -> list[str]:
    """Return a phrase for each quantity that differs: ``batch size: A 2; B 4``."""
    phrases = []
    for key in read_budget(None):
        values = [sorted({budget[key] for budget in budgets}) for budgets in sides.values()]
        if any(side != values[0] for side in values):
            described = zip(sides, map(' and '.join, values), strict=True)
            phrases.append(f'{key}: {"; ".join(map(" ".join, described))}')
    return phrases
