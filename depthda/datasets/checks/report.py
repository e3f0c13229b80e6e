"""Check the datasets of a config, and report the shares of their classes as a table and a chart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from rich.table import Column, Table

from depthda.datasets.checks.inspection import SampleFacts, inspect
from depthda.datasets.checks.verdict import Finding, find_copies, judge
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError, check_count, few, many
from depthda.io.plotting import plt, save_figure

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class CheckedDataset:
    """One dataset with its samples (None if only headers were read) and findings."""

    name: str
    dataset: RGBDSegDataset
    samples: list[SampleFacts] | None
    findings: list[Finding]


def check_datasets(
    cfg: Config,
    splits: Sequence[str] = SPLITS,
    fast: bool = False,
    workers: int = 1,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[CheckedDataset]:
    """Check the datasets of a config. A dataset that cannot be built raises a ``UserError``.

    A ``fast`` check pairs the files and reads their headers, but no samples. ``progress`` is called
    with the name of the dataset, the number of checked samples and the number of all samples.
    """
    check_count('--workers', workers)
    loaders = {name: cfg.get(f'{name}_dataloader') for name in splits}
    if not any(loaders.values()):
        raise UserError(f'the config has no data loader for {", ".join(splits)}.')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    checked = []
    for split, loader in loaders.items():
        for name, dataset in (
            _named_datasets(split, DATASETS.build(loader.dataset)) if loader else ()
        ):
            samples, findings = None, []
            if not fast:
                samples = inspect(
                    dataset, workers, lambda done, total, name=name: progress(name, done, total)
                )
                findings = judge(samples, dataset.metainfo['classes'])
            checked.append(CheckedDataset(name, dataset, samples, findings))
    return checked


def copies_in(checked: Sequence[CheckedDataset]) -> list[Finding]:
    """Find copies of images within and across splits; all datasets of a split count as one."""
    splits: dict[str, list[SampleFacts]] = {}
    for dataset in checked:
        splits.setdefault(dataset.name.split()[0], []).extend(dataset.samples or ())
    return find_copies(splits)


def _named_datasets(name: str, dataset: Any) -> Iterator[tuple[str, RGBDSegDataset]]:
    """Yield each dataset, also those inside pairs and wrappers, with a name."""
    if isinstance(dataset, RGBDSegDataset):
        yield name, dataset
    elif hasattr(dataset, 'sets') or hasattr(dataset, 'datasets'):
        parts = dataset.sets.items() if hasattr(dataset, 'sets') else enumerate(dataset.datasets, 1)
        for part, inner in parts:
            yield from _named_datasets(f'{name} {part}', inner)
    elif hasattr(dataset, 'dataset'):
        yield from _named_datasets(name, dataset.dataset)
    else:
        raise UserError(
            f'{type(dataset).__name__} in {name} is not a dataset of depthda, so it cannot be '
            'checked: use RGBDSegDataset or a subclass of it.'
        )


def describe(checked: CheckedDataset) -> str:
    """Return one line: number and size of the images, domains, and presence of labels and depth."""
    dataset = checked.dataset
    facts = [many(len(dataset), 'image')]
    labelled = dataset.has_labels
    if checked.samples:
        sizes = sorted({sample.size[::-1] for sample in checked.samples if sample.size != (0, 0)})
        facts.append(few(f'{width}×{height}' for width, height in sizes))
        facts.append(' and '.join(filter(None, sorted({s.domain for s in checked.samples}))))
        if valid := [sample.depth.valid for sample in checked.samples if sample.depth]:
            facts.append(f'depth at {100 * np.mean(valid):.1f} % of pixels')
        labelled = any(sample.pixels is not None for sample in checked.samples)
    facts.append('labels' if labelled else 'no labels')
    if not dataset.has_depth:
        facts.append('no depth')
    return f'{checked.name}: {", ".join(filter(None, facts))}'


def band_statistics(checked: CheckedDataset) -> str | None:
    """Return mean and standard deviation of the bands of a training dataset, as in a config."""
    read = [s for s in checked.samples or () if s.bands is not None]
    if not read or not checked.name.startswith('train'):
        return None
    if len({sample.bands.shape for sample in read}) > 1:
        return None  # images with different numbers of bands are a separate finding
    weights = [sample.size[0] * sample.size[1] for sample in read]
    mean, square = np.average([sample.bands for sample in read], axis=0, weights=weights)
    std = np.sqrt(np.maximum(square - mean**2, 0))
    shown = (', '.join(f'{value:.2f}' for value in values) for values in (mean, std))
    return 'optical bands, red first: mean=[{}], std=[{}]'.format(*shown)


def histogram(checked: Sequence[CheckedDataset]) -> dict[str, dict[str, float]]:
    """Return the percentage of labelled pixels in each class, for each dataset and domain."""
    shares = {}
    for part in checked:
        for domain in sorted({sample.domain for sample in part.samples or ()}):
            chosen = [s for s in part.samples if s.domain == domain and s.pixels is not None]
            counts = sum((s.pixels for s in chosen), np.zeros(1, np.int64))
            if counts.sum():
                values = (100 * counts / counts.sum()).tolist()
                names = part.dataset.metainfo['classes']
                shares[f'{part.name} {domain}'.strip()] = dict(zip(names, values, strict=True))
    return shares


def histogram_table(shares: dict[str, dict[str, float]]) -> Table:
    """Return a table with a row per class and a column per dataset and domain."""
    columns = [Column(name, justify='right') for name in shares]
    table = Table('class', *columns, title='labelled pixels in %')
    for name in next(iter(shares.values())):
        table.add_row(name, *(f'{values.get(name, 0):.2f}' for values in shares.values()))
    return table


def draw_histogram(path: Path, shares: dict[str, dict[str, float]]) -> None:
    """Draw a bar chart with a group per class and a bar per dataset and domain."""
    names = list(next(iter(shares.values())))
    figure, axes = plt.subplots(figsize=(max(6, 1.2 * len(names)), 3.6), layout='constrained')
    width = 0.8 / len(shares)
    for number, (key, values) in enumerate(shares.items()):
        positions = np.arange(len(names)) + (number - (len(shares) - 1) / 2) * width
        axes.bar(positions, [values.get(name, 0) for name in names], width, label=key)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel('labelled pixels in %')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False)
    save_figure(figure, path, 130)
