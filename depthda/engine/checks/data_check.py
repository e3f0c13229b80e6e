"""Check before a run that the datasets of training, validation and test fit together."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from depthda.datasets.checks.depth_check import check_image, differing_maps
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.engine.overrides import as_list, runtime_dicts
from depthda.errors import UserError
from depthda.evaluation.score_report import POOLED, choosing_group, group_cells

LOADERS = ('train', 'val', 'test')
_SAMPLED = 32  # files of each dataset that are read before a run


def data_warnings(cfg: Config) -> list[str]:
    """Return warnings about probable mistakes across the datasets of one config.

    Images are listed, but not read. Datasets of types other than ``RGBDSegDataset`` are left out. A
    dataset may be missing on this machine, such as the training images where a model is only
    tested.
    """
    datasets = {name: list(datasets_of(cfg, name)) for name in LOADERS}
    sources = {name: {dataset.depth_source for dataset in datasets[name]} for name in LOADERS}
    # A model that predicts depth needs depth maps in training only.
    ignored = {None} if (cfg.get('model') or {}).get('depth_decoder') else set()
    compared = {name: names for name, names in sources.items() if names and names != ignored}
    lines = []
    if len(set(map(frozenset, compared.values()))) > 1:
        described = ', '.join(
            f'{loader} reads {" and ".join(sorted(name or "none" for name in names))}'
            for loader, names in compared.items()
        )
        lines.append(f'the datasets of this config read different depth maps: {described}')
    lines += _other_classes(datasets)
    lines += _target_labels(cfg)
    folders: dict[str, str] = {}
    for name, in_loader in datasets.items():
        for dataset in in_loader:
            for sample in _list_if_present(dataset, 'depth_path') if dataset.has_depth else ():
                folders.setdefault(os.path.dirname(sample['depth_path']), name)
    lines += differing_maps(folders)
    images = {name: _images(in_loader) for name, in_loader in datasets.items()}
    unlabelled = _images([dataset for dataset in datasets['train'] if not dataset.has_labels])
    scored = _images([dataset for dataset in datasets['test'] if dataset.has_labels])
    if shared := len(scored & unlabelled):
        lines.append(
            f'{shared} of the {len(scored)} test images are used in training, without their '
            'labels: report the scores as transductive, or adapt to other images'
        )
    images['train'] -= unlabelled
    for name, split in (('val', 'validation'), ('test', 'test')):
        if shared := len(images['train'] & images[name]):
            lines.append(
                f'{shared} of the {len(images[name])} {split} images are also training images, so '
                'the scores do not show how well the model predicts new images'
            )
    group = _choosing_group(cfg)
    chosen_on = _images(datasets['val'], group) if group else set()
    if shared := len(chosen_on & images['test']):
        lines.append(
            f'{shared} of the {len(chosen_on)} validation images are also test images, so the best '
            'checkpoint is chosen on test images: report its scores as target-selected, or '
            'validate on other images'
        )
    return lines


def _choosing_group(cfg: Config) -> str | None:
    """Return the group whose score chooses the best checkpoint; None if none is chosen."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    best = as_list(hook.get('save_best'))
    headlines = [metric.get('headline') for metric in as_list(cfg.get('val_evaluator'))]
    return choosing_group(best, headlines) if best else None


def _other_classes(datasets: Mapping[str, Iterable[RGBDSegDataset]]) -> Iterator[str]:
    """Warn of datasets with as many classes as the training dataset, but with other names."""
    trained = next(map(classes_of, datasets['train']), [])
    for name in LOADERS:
        for classes in map(classes_of, datasets[name]):
            pairs = zip(classes, trained, strict=False)
            differ = any(first.casefold() != second.casefold() for first, second in pairs)
            if differ and len(classes) == len(trained):
                yield (
                    f'the {name} dataset has the classes {", ".join(classes)}, but the training '
                    f'dataset has {", ".join(trained)}: unless the names mean the same classes, '
                    'prepare both datasets with one list of classes'
                )


def _target_labels(cfg: Config) -> Iterator[str]:
    """Warn of labels in the target dataset of a model that adapts without them."""
    if (cfg.get('model') or {}).get('type') != 'DomainAdaptation':
        return
    target = Config(dict(train_dataloader=dict(dataset=cfg.train_dataloader.dataset.get('target'))))
    if any(dataset.has_labels for dataset in datasets_of(target, 'train')):
        yield (
            'the target dataset has labels, which no loss reads, but which transforms may use to '
            'choose crops: set labels=False in the dataset to adapt without them'
        )


def classes_of(dataset: RGBDSegDataset) -> list[str]:
    return list(dataset.metainfo.get('classes') or ())


def check_depth_images(cfg: Config, loaders: Iterable[str] = LOADERS) -> None:
    """Refuse depth maps that were estimated from other images than those of the dataset.

    A sample of each dataset is read.
    """
    for name in loaders:
        for dataset in datasets_of(cfg, name):
            samples = _list_if_present(dataset, 'depth_path') if dataset.has_depth else []
            for sample in spread(samples, _SAMPLED):
                check_image(sample)


def spread(items: Sequence[Any], number: int) -> list[Any]:
    """Return at most ``number`` items, evenly spread over all."""
    last = len(items) - 1
    indices = {round(n * last / (number - 1)) for n in range(number)} if items else set()
    return [items[index] for index in sorted(indices)]


def check_classes(cfg: Config) -> None:
    """Refuse a model and a dataset with different numbers of classes.

    A label beyond the model's classes would crash a run on a GPU. A class of the model beyond those
    of the dataset would never be learned.
    """
    parts = runtime_dicts(cfg, 'model')
    heads = [(key, part) for key, part in parts if part.get('num_classes') is not None]
    for key, head in heads:
        if 'type' not in head:
            raise UserError(
                f'{key} has num_classes but no type, because the base config has no such part: '
                f'leave out {key}.'
            )
    trained: list[str] = []
    for name in LOADERS:
        for dataset in datasets_of(cfg, name):
            classes = classes_of(dataset)
            trained = trained or classes if name == 'train' else trained
            if trained != classes and sorted(trained) == sorted(classes):
                raise UserError(
                    f'the {name} dataset has the classes of the training dataset in another order '
                    f'({", ".join(classes)}), so predictions would count as the wrong class: '
                    f'use the order {", ".join(trained)}.'
                )
            for key, head in heads:
                if classes and head['num_classes'] != len(classes):
                    raise UserError(
                        f'{key}.num_classes is {head["num_classes"]}, but the {name} dataset has '
                        f'{len(classes)} classes ({", ".join(classes)}): make them agree.'
                    )


def listed_datasets(cfg: Config, loader: str = 'train') -> Iterator[tuple[dict, RGBDSegDataset]]:
    """Yield the config of each dataset of a loader, and the dataset; leave out absent ones."""
    for config in _configs(cfg, loader):
        with suppress(UserError):
            dataset = _build(config)
            dataset.full_init()
            yield config, dataset


def check_test_set(cfg: Config) -> None:
    """Refuse a test dataset that cannot be built, unless its folder does not exist yet."""
    scope = DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmseg')
    for config in _configs(cfg, 'test'):
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
    """Refuse a headline group that the ``samples`` of a loader do not have.

    ``name`` is the name of the loader (``'val'``). A metric without a headline scores all images.
    """
    if not (chosen := set(filter(None, headlines))):
        return
    cells = {(sample.get('domain') or '', sample.get('split') or '') for sample in samples}
    groups = group_cells(sorted(cells))
    for headline in sorted(chosen - groups.keys()):
        raise UserError(
            f'{name}_evaluator.headline={headline!r} is not a group of the '
            f'{"validation" if name == "val" else name} dataset: use one of {", ".join(groups)}.'
        )


def check_test_headline(cfg: Config) -> None:
    """Refuse a headline that the test dataset lacks, if all of it is on this machine."""
    samples: list[dict] = []
    for config in _configs(cfg, 'test'):
        try:
            samples += _list_files(_build(config))
        except (UserError, TypeError):
            return  # reported when the dataset is built
    if samples:
        headlines = [metric.get('headline') for metric in as_list(cfg.get('test_evaluator'))]
        check_headline('test', headlines, samples)


def datasets_of(cfg: Config, loader: str) -> Iterator[RGBDSegDataset]:
    """Yield the datasets of a loader (``'train'``), without reading files or building pipelines."""
    for config in _configs(cfg, loader):
        # A dataset that is missing or faulty is reported when it is built to be used.
        with suppress(ValueError, TypeError):  # a UserError is a ValueError
            yield _build(config)


def _configs(cfg: Config, loader: str) -> Iterator[dict]:
    """Yield the configs of a loader's datasets, including those inside pairs and wrappers."""
    for key, node in runtime_dicts(cfg, f'{loader}_dataloader'):
        if '.dataset' in key and '.pipeline' not in key:
            kind = node.get('type')
            kind = DATASETS.get(kind) if isinstance(kind, str) else kind
            if isinstance(kind, type) and issubclass(kind, RGBDSegDataset):
                yield node


def _build(config: dict) -> RGBDSegDataset:
    # serialize_data would first run the garbage collector, which takes time.
    settings = dict(pipeline=[], lazy_init=True, serialize_data=False, check='names')
    return DATASETS.build({**config, **settings})


def _images(datasets: list[RGBDSegDataset], group: str = POOLED) -> set[str]:
    """Return the paths of the images of a group; links to folders are resolved."""
    names = set() if group == POOLED else set(group.split('/'))
    paths = {
        os.path.split(sample['img_path'])
        for dataset in datasets
        for sample in _list_if_present(dataset)
        if names <= {sample.get('domain'), sample.get('split')}
    }
    real = {folder: os.path.realpath(folder) for folder, _ in paths}
    return {os.path.join(real[folder], name) for folder, name in paths}


def _list_if_present(dataset: RGBDSegDataset, *keys: str) -> list[dict]:
    try:
        return _list_files(dataset, *keys)
    except UserError:
        return []  # absent or faulty, which is reported when the dataset is built to be used


def _list_files(dataset: RGBDSegDataset, *keys: str) -> list[dict]:
    """List the images with their files of the kinds ``keys``; other files may be absent."""
    folders = dataset.data_prefix
    dataset.data_prefix = {k: v for k, v in folders.items() if k in ('img_path', *keys)}
    try:
        return dataset.load_data_list()
    finally:
        dataset.data_prefix = folders
