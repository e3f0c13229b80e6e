"""Do training, validation and test fit together? Said before a run, in one line each."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from depthda.checkpoints.loading import read_meta
from depthda.datasets.checks.depth_check import check_image, differing_maps
from depthda.datasets.checks.mask_codes import check_codes
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.evaluation.score_report import group_cells

_SAMPLED = 32  # files of each dataset that are read before a run


def data_warnings(cfg: Config) -> list[str]:
    """What looks like a mistake across the data sets of one config.

    Only folders are listed, and sets of other types are left out. Sets that are not on this
    machine (the training images where a model is only tested) are no mistake.
    """
    sets = {}
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader') or {}
        sets[name] = list(datasets_of(loader.get('dataset')))
    lines = []
    sources = {name: {dataset.depth_source for dataset in found} for name, found in sets.items()}
    said = {name: found for name, found in sources.items() if found}
    if cfg.get('model', {}).get('depth_decoder'):
        # Depth is what it learns, in training, and no input: without it elsewhere nothing is amiss.
        said = {name: found for name, found in said.items() if found != {None}}
    if len({frozenset(found) for found in said.values()}) > 1:
        told = ', '.join(f'{name} from {_spell(found)}' for name, found in said.items())
        lines.append(f'depth differs between the data sets of this config: {told}')
    lines += _other_classes(sets)
    lines += differing_maps(
        {
            os.path.dirname(sample['depth_path']): name
            for name, found in sets.items()
            for dataset in found
            if dataset.has_depth
            for sample in _list_if_here(dataset, 'depth_path')
        }
    )
    images = {name: _images(found) for name, found in sets.items()}
    for name, what in (('val', 'validation'), ('test', 'test')):
        if shared := len(images['train'] & images[name]):
            lines.append(
                f'{shared} of the {len(images[name])} {what} images are training images too: '
                'scores on them do not tell what the model does on new ones'
            )
    return lines


def _other_classes(sets: Mapping[str, Iterable[RGBDSegDataset]]) -> Iterator[str]:
    """Warn of datasets with as many classes as the training dataset, but of other names."""
    classes = {
        name: [list(dataset.metainfo.get('classes') or ()) for dataset in found]
        for name, found in sets.items()
    }
    trained = next(iter(classes['train']), [])
    for name, others in classes.items():
        for other in others:
            pairs = list(zip(trained, other, strict=False))
            if len(trained) == len(other) and any(
                first.casefold() != second.casefold() for first, second in pairs
            ):
                yield (
                    f'the {name} dataset has the classes {", ".join(other)} and the training '
                    f'dataset {", ".join(trained)}: unless both mean the same, prepare them with '
                    'one list of classes'
                )


def check_depth_images(cfg: Config, loaders: Iterable[str] = ('train', 'val', 'test')) -> None:
    """Refuse estimated depth maps of other images, by some files of each dataset."""
    for name in loaders:
        for dataset in datasets_of((cfg.get(f'{name}_dataloader') or {}).get('dataset')):
            samples = _list_if_here(dataset, 'depth_path') if dataset.has_depth else []
            for sample in spread(samples, _SAMPLED):
                check_image(sample)


def spread(items: Sequence[Any], number: int) -> list[Any]:
    """Return at most ``number`` items, evenly spread over all."""
    last = len(items) - 1
    places = {round(n * last / (number - 1)) for n in range(number)} if items else set()
    return [items[place] for place in sorted(places)]


def check_classes(cfg: Config) -> None:
    """Refuse a model whose number of classes is not that of a data set.

    A label beyond the model's classes would crash a GPU, one class too many would never be learnt.
    """
    wanted = dict(_class_numbers(cfg.get('model') or {}, 'model'))
    trained: list[str] = []
    for name in ('train', 'val', 'test'):
        for dataset in datasets_of((cfg.get(f'{name}_dataloader') or {}).get('dataset')):
            classes = dataset.metainfo.get('classes') or ()
            trained = trained or list(classes) if name == 'train' else trained
            if trained != list(classes) and sorted(trained) == sorted(classes):
                raise UserError(
                    f'the {name} set has the classes of the training set in another order '
                    f'({", ".join(classes)}), so each prediction would count as another class: '
                    f'use the order {", ".join(trained)}.'
                )
            for key, number in wanted.items():
                if classes and number != len(classes):
                    raise UserError(
                        f'{key} is {number} and the {name} set has {len(classes)} classes '
                        f'({", ".join(classes)}): make them agree.'
                    )


def class_warning(cfg: Config, checkpoint: str) -> str | None:
    """Whether the weights to start from know as many classes, but others."""
    if '://' in checkpoint:
        return None
    meta = read_meta(checkpoint).get('dataset_meta') or {}
    before = list(meta.get('classes') or ())
    for _, dataset in listed_datasets(cfg):
        now = list(dataset.metainfo.get('classes') or ())
        if len(before) == len(now) and before != now:
            return (
                f'{checkpoint} was trained on the classes {", ".join(before)}, and this config has '
                f'{", ".join(now)}: the weights of the last layer stand for the classes in that '
                'order'
            )
    return None


def _class_numbers(cfg: Any, key: str) -> Iterator[tuple[str, int]]:
    """``num_classes`` of every head, with its key."""
    if isinstance(cfg, (list, tuple)):
        for number, item in enumerate(cfg):
            yield from _class_numbers(item, f'{key}.{number}')
    elif isinstance(cfg, dict):
        if cfg.get('num_classes') is not None:
            if 'type' not in cfg:
                raise UserError(
                    f'{key} has num_classes and no type: the model that this config is built on '
                    'has no such part, so leave it out.'
                )
            yield f'{key}.num_classes', cfg['num_classes']
        for name, item in cfg.items():
            yield from _class_numbers(item, f'{key}.{name}')


def mask_warnings(cfg: Config, loader: str) -> Iterator[str]:
    """Refuse or report masks of LoveDA that a converter shifted by one."""
    for _, dataset in listed_datasets(cfg, loader):
        places = spread(range(len(dataset)), _SAMPLED)
        yield from check_codes(dataset, [dataset.get_data_info(place) for place in places])


def listed_datasets(cfg: Config, loader: str = 'train') -> Iterator[tuple[dict, RGBDSegDataset]]:
    """Yield the datasets of a loader with their configs; those that are absent are left out."""
    for config in _configs((cfg.get(f'{loader}_dataloader') or {}).get('dataset')):
        with suppress(UserError):
            dataset = _build(config)
            dataset.full_init()
            yield config, dataset


def check_test_set(cfg: Config) -> None:
    """Refuse a test set that cannot be built; one that is not on this machine may come later."""
    scope = DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmseg')
    for config in _configs((cfg.get('test_dataloader') or {}).get('dataset')):
        if not os.path.isdir(config.get('data_root') or '.'):
            continue
        try:
            with scope:
                DATASETS.build({**config, 'lazy_init': True})
        except UserError as error:
            raise UserError(f'test_dataloader.dataset: {error}') from error


def check_headline(
    name: str, headlines: Iterable[str | None], samples: Iterable[Mapping[str, Any]]
) -> None:
    """Refuse to score a group of images that the set of ``name`` (val or test) does not have."""
    wanted = {headline for headline in headlines if headline}
    if not wanted:
        return
    cells = {(sample.get('domain') or '', sample.get('split') or '') for sample in samples}
    groups = group_cells(sorted(cells))
    for headline in sorted(wanted - groups.keys()):
        raise UserError(
            f'{name}_evaluator.headline={headline!r} is not in the '
            f'{dict(val="validation").get(name, name)} set, which has {", ".join(groups)}.'
        )


def check_test_headline(cfg: Config) -> None:
    """Refuse a headline that the test set lacks, if all of the set is on this machine."""
    metrics = cfg.get('test_evaluator') or []
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    samples: list[dict] = []
    for config in _configs((cfg.get('test_dataloader') or {}).get('dataset')):
        try:
            samples += _list_files(_build(config))
        except UserError:
            return  # said when the set is built
    if samples:
        check_headline('test', [metric.get('headline') for metric in metrics], samples)


def datasets_of(cfg: Any) -> Iterator[RGBDSegDataset]:
    """Our data sets in ``cfg``; nothing is read yet, no pipeline built."""
    for config in _configs(cfg):
        # A dataset that is missing or faulty is reported when it is built to be used.
        with suppress(ValueError):  # a UserError too
            yield _build(config)


def _configs(cfg: Any) -> Iterator[dict]:
    """The configs of our data sets in ``cfg``, wrappers opened."""
    if isinstance(cfg, (list, tuple)):
        for item in cfg:
            yield from _configs(item)
    elif isinstance(cfg, dict):
        kind = DATASETS.get(cfg['type']) if isinstance(cfg.get('type'), str) else cfg.get('type')
        if isinstance(kind, type) and issubclass(kind, RGBDSegDataset):
            yield cfg
        else:
            yield from _configs(list(cfg.values()))


def _build(config: dict) -> RGBDSegDataset:
    # Packing the records would collect all garbage first.
    light = dict(pipeline=[], lazy_init=True, serialize_data=False, check='names')
    return DATASETS.build({**config, **light})


def _images(sets: list[RGBDSegDataset]) -> set[str]:
    found = set()
    for dataset in sets:
        samples = _list_if_here(dataset)
        folders = {os.path.dirname(sample['img_path']) for sample in samples}
        real = {folder: os.path.realpath(folder) for folder in folders}
        for sample in samples:
            folder, name = os.path.split(sample['img_path'])
            found.add(os.path.join(real[folder], name))
    return found


def _list_if_here(dataset: RGBDSegDataset, *keys: str) -> list[dict]:
    try:
        return _list_files(dataset, *keys)
    except UserError:
        return []  # absent or faulty, which is reported when the dataset is built to be used


def _list_files(dataset: RGBDSegDataset, *keys: str) -> list[dict]:
    """List the images and the files of further ``keys``; the others may be absent."""
    folders = dataset.data_prefix
    dataset.data_prefix = {k: v for k, v in folders.items() if k in ('img_path', *keys)}
    try:
        return dataset.load_data_list()
    finally:
        dataset.data_prefix = folders


def _spell(sources: set[str | None]) -> str:
    return ' and '.join(sorted(source or 'none' for source in sources))
