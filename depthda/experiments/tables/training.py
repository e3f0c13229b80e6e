"""The training behind a tested run: its folder, its config, and its budget."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

NOT_RECORDED = 'not recorded'
Budget = dict[str, str]


def training_folder(run: Path, metrics: Mapping[str, Any]) -> Path:
    """Return the folder that holds the training log of the tested checkpoint.

    It is the folder of the checkpoint, if it holds a log, and else that of the run. A relative path
    in ``metrics.json`` starts where the test was started, which is a folder above the run.
    """
    checkpoint = (metrics.get('checkpoint') or {}).get('file')
    # The folders above the run first: where this is read, the same path may name another run.
    for start in (*run.absolute().parents, Path()) if checkpoint else ():
        folder = (start / checkpoint).parent
        if any(folder.glob('*/vis_data/scalars.json')):
            return folder
    return run


def training_config(run: Path, metrics: Mapping[str, Any]) -> Config | None:
    """Return the config of the latest training, as mmengine dumped it; None without one."""
    folder = training_folder(run, metrics)
    trained = [path.parent for path in folder.glob('*/vis_data/scalars.json')]
    dumped = [path / 'config.py' for path in sorted(trained, reverse=True)]
    found = next((path for path in dumped if path.is_file()), None)
    return found and Config.fromfile(found, import_custom_modules=False)


def read_budget(cfg: Config | None) -> Budget:
    """Read what a training may spend: length, learning rate, batch size and crop."""
    cfg, absent = (Config(), NOT_RECORDED) if cfg is None else (cfg, 'none')
    loader, wrapper = cfg.get('train_dataloader') or {}, cfg.get('optim_wrapper') or {}
    length = cfg.get('train_cfg') or {}
    steps = [f'{length[key]:,}' for key in ('max_iters', 'max_epochs') if length.get(key)]
    unit = ' epochs' if length.get('max_epochs') else ''
    rates = [f'{name}{rate:g}' for name, rate in _rates(wrapper)]
    batch = loader.get('batch_size')
    batches = [batch * wrapper.get('accumulative_counts', 1)] if batch else []
    crops = dict.fromkeys(_crops(loader.get('dataset')))
    found = {
        'iterations': [f'{step}{unit}' for step in steps],
        'learning rate': rates,
        'batch size': batches,
        'crop': [f'{height} × {width}' for height, width in crops],
    }
    return {key: ', '.join(map(str, value)) or absent for key, value in found.items()}


def differing_budgets(sides: Mapping[str, Sequence[Budget]]) -> list[str]:
    """One phrase for each quantity that is not the same on all sides: ``crop: A 512; B 1024``."""
    phrases = []
    for key in read_budget(None):
        described = {
            name: ' and '.join(sorted({budget[key] for budget in budgets}))
            for name, budgets in sides.items()
        }
        if len(set(described.values())) > 1:
            phrases.append(f'{key}: {"; ".join(map(" ".join, described.items()))}')
    return phrases


def _rates(wrapper: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Learning rates, those of several optimisers with the name of their part."""
    if 'optimizer' in wrapper:
        yield '', wrapper['optimizer']['lr']
    for name, part in wrapper.items():
        if isinstance(part, Mapping) and 'optimizer' in part:
            yield f'{name} ', part['optimizer']['lr']


def _crops(node: Any) -> Iterator[tuple[int, int]]:
    """The crop sizes of a data set, those of the sets in it too."""
    if isinstance(node, Mapping):
        if size := node.get('crop_size'):
            yield (size, size) if isinstance(size, int) else tuple(size)
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from _crops(item)
