"""The budget of a training: iterations, learning rate, batch size and crop size."""

from collections.abc import Mapping, Sequence

from mmengine.config import Config

from depthda.engine.overrides import runtime_nodes

NOT_RECORDED = 'not recorded'
Budget = dict[str, str]


def read_budget(cfg: Config | None) -> Budget:
    """Return the budget of a training as text, read from its config.

    If ``cfg`` is None, each value is ``'not recorded'``.
    """
    cfg, placeholder = (Config(), NOT_RECORDED) if cfg is None else (cfg, 'none')
    loader, wrapper = cfg.get('train_dataloader') or {}, cfg.get('optim_wrapper') or {}
    train_cfg = cfg.get('train_cfg') or {}
    units = {'max_iters': '', 'max_epochs': ' epochs'}
    lengths = [f'{train_cfg[key]:,}{unit}' for key, unit in units.items() if train_cfg.get(key)]
    batch_size = loader.get('batch_size')
    # With several optimisers, each learning rate follows the name of its optimiser.
    wrappers = {f'{name} ': value for name, value in wrapper.items() if isinstance(value, Mapping)}
    wrappers = {'': wrapper} | wrappers
    optimizers = {name: value.get('optimizer') for name, value in wrappers.items()}
    rates = [f'{name}{value["lr"]:g}' for name, value in optimizers.items() if value]
    nodes = runtime_nodes({'train_dataloader': loader})
    sizes = [value for key, value in nodes if key.endswith('.crop_size') and value]
    crops = dict.fromkeys((size, size) if isinstance(size, int) else tuple(size) for size in sizes)
    batch_sizes = [batch_size * wrapper.get('accumulative_counts', 1)] if batch_size else []
    budget = {
        'iterations': lengths,
        'learning rate': rates,
        'batch size': batch_sizes,
        'crop': [f'{height} × {width}' for height, width in crops],
    }
    return {key: ', '.join(map(str, value)) or placeholder for key, value in budget.items()}


def differing_budgets(sides: Mapping[str, Sequence[Budget]]) -> list[str]:
    """Return a phrase for each quantity that differs: ``batch size: A 2; B 4``."""
    phrases = []
    for key in read_budget(None):
        values = [sorted({budget[key] for budget in budgets}) for budgets in sides.values()]
        if any(side != values[0] for side in values):
            described = zip(sides, map(' and '.join, values), strict=True)
            phrases.append(f'{key}: {"; ".join(map(" ".join, described))}')
    return phrases
