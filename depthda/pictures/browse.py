"""Show what a model receives: samples after the pipeline of a config, on contact sheets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample
from torch import Tensor

from depthda.engine.run_sampler import RunSampler
from depthda.errors import UserError, many
from depthda.io.plotting import plt, save_figure
from depthda.pictures import colours
from depthda.randomness import SampleKey, derive_seed

_ROWS, _COLUMNS = 4, 2  # samples on a sheet


@dataclass(frozen=True)
class ShownSample:
    """A sample after its pipeline."""

    title: str  # file, split, domain and size
    image: np.ndarray  # RGB [H, W, 3], uint8
    fourth: np.ndarray | None  # band 4 as [H, W, 3] uint8; later bands are not shown
    depth: np.ndarray | None  # [H, W], 0 is no-data; None if the model gets no depth
    label: np.ndarray | None  # [H, W] class indices and the ignored index; None without labels


@dataclass(frozen=True)
class SampleSource:
    """The dataset of a config, and what the model of the config reads of a sample."""

    dataset: object
    bands: int
    drops_depth: bool
    title: str


def open_source(cfg: Config, name: str, split: str) -> SampleSource:
    """Build the dataset of the config's train, val or test loader; ``name`` appears in titles."""
    loader = cfg.get(f'{split}_dataloader')
    if not loader or 'dataset' not in loader:
        raise UserError(f'{name} has no {split}_dataloader with a dataset: choose another --split.')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(loader.dataset)
    preprocessor = cfg.model.get('data_preprocessor') or {}
    # A translation learns from depth only if one of its depth losses has a weight.
    learns = any(cfg.model.get(key, 1) for key in ('dsl_weight', 'dccl_weight'))
    learns = learns and cfg.model.type != 'CycleGAN'
    return SampleSource(
        dataset,
        preprocessor.get('optical_bands') or len(preprocessor.get('mean') or (0, 0, 0)),
        preprocessor.get('depth') == 'drop' or not learns,
        f'{name}, {split}: {len(dataset)} {"pairs" if hasattr(dataset, "sets") else "images"}',
    )


def deal(source: SampleSource, number: int, repeat: int, seed: int) -> Iterator[ShownSample]:
    """Yield the first ``number`` samples of a run with this seed, each ``repeat`` times.

    A pair yields the source sample and then the target sample. A repeated sample is augmented as if
    it had another position in the run, so its augmentations differ.
    """
    sampler = RunSampler(source.dataset, seed=seed)
    for first, key in enumerate(islice(iter(sampler), min(number, sampler.size))):
        for position in range(first, first + repeat * sampler.size, sampler.size):
            yield from _load(source, SampleKey(int(key), derive_seed(seed, 'sample', position)))


def draw_sheets(
    out: str | PathLike, source: SampleSource, samples: Sequence[ShownSample], name: str
) -> list[Path]:
    """Write contact sheets of eight samples, ``<name>-1.png`` and so on; return their paths."""
    size = _ROWS * _COLUMNS
    pages = [samples[start : start + size] for start in range(0, len(samples), size)]
    title, paths = f'{source.title}, {many(len(samples), "sample")} as the model receives them', []
    for number, page in enumerate(pages, 1):
        sheet = f' (sheet {number} of {len(pages)})' if len(pages) > 1 else ''
        paths.append(Path(out) / f'{name}-{number}.png')
        _draw(paths[-1], source, page, title + sheet)
    return paths


def _load(source: SampleSource, key: SampleKey) -> Iterator[ShownSample]:
    packed = source.dataset[key]
    # The path comes from the dataset, because a pipeline need not pack the paths of all files.
    parts = packed['inputs'], packed['data_samples'], source.dataset.get_data_info(key)
    if not hasattr(source.dataset, 'sets'):
        yield _unpack(source, *parts)
        return
    for domain in packed['inputs']:
        yield _unpack(source, *(part[domain] for part in parts))


def _unpack(source: SampleSource, packed: Tensor, sample: SegDataSample, info: dict) -> ShownSample:
    path, inputs = info['img_path'], packed.numpy()
    channels, height, width = inputs.shape
    if channels not in (source.bands, source.bands + 1):
        raise UserError(
            f'{path} has {channels} channels after the pipeline, but model.data_preprocessor '
            f'expects {source.bands} optical bands: correct one of them.'
        )
    facts = [Path(path).stem, info.get('split'), info.get('domain'), f'{width}×{height}']
    rgb = inputs[2::-1] if source.bands > 2 else inputs[[0, 0, 0]]
    return ShownSample(
        ' · '.join(filter(None, facts)),
        _to_bytes(rgb),
        _to_bytes(inputs[[3, 3, 3]]) if source.bands > 3 else None,
        inputs[-1] if channels > source.bands and not source.drops_depth else None,
        sample.gt_sem_seg.data[0].numpy() if 'gt_sem_seg' in sample else None,
    )


def _to_bytes(bands: np.ndarray) -> np.ndarray:
    """Return bands ``[3, H, W]`` as an 8-bit image; values far above 255 are stretched to it."""
    image = bands.transpose(1, 2, 0).astype(np.float32)
    # Bicubic resizing may make 8-bit values exceed 255 slightly; 16-bit values exceed it by far.
    if image.max() > 2 * 255:
        low, high = np.percentile(image, [1, 99])
        image = (image - low) * (255 / max(high - low, 1))
    return image.clip(0, 255).astype(np.uint8)


def _pictures(sample: ShownSample, palette: list[list[int]]) -> dict[str, tuple[np.ndarray, str]]:
    """Return the columns of a sample by title: a picture, and the text below it."""
    columns = {'image': (sample.image, '')}
    columns |= {} if sample.fourth is None else {'band 4': (sample.fourth, '')}
    if sample.depth is not None:
        valid = sample.depth[sample.depth > 0]
        texts = [f'{valid.min():.2f} to {valid.max():.2f}'] if valid.size else []
        if valid.size < sample.depth.size:
            texts.append(f'{100 * (1 - valid.size / sample.depth.size):.0f} % no depth')
        # All samples share the colour scale 0 to 1, the range of the depth that the model gets.
        columns['depth'] = (colours.of_depth(sample.depth, (0, 1)), ', '.join(texts))
    if sample.label is not None:
        ignored = np.mean(sample.label >= len(palette))
        text = f'{100 * ignored:.0f} % ignored' if ignored else ''
        columns['label'] = (colours.of_labels(sample.label, palette, sample.image), text)
    return columns


def _draw(path: Path, source: SampleSource, page: Sequence[ShownSample], title: str) -> None:
    across = min(_COLUMNS, len(page))
    down = -(-len(page) // across)
    palette = colours.palette_of(source.dataset.metainfo)
    pictures = [_pictures(sample, palette) for sample in page]
    columns = max(map(len, pictures))
    width = max(2.1 * columns * across, 7.5)
    figure = plt.figure(figsize=(width, 2.5 * down + 0.9), layout='constrained')
    figure.suptitle(title, fontsize=11)
    cells = figure.subfigures(down, across, squeeze=False, wspace=0.04).ravel()
    for cell, sample, shown in zip(cells, page, pictures, strict=False):
        cell.suptitle(sample.title, fontsize=9, fontweight='bold')
        axes = cell.subplots(1, columns, squeeze=False)[0]
        for axis, (name, (picture, text)) in zip(axes, shown.items(), strict=False):
            axis.imshow(picture, interpolation='nearest')
            axis.set_title(name, fontsize=8, pad=2)
            axis.set_xlabel(text, fontsize=8, labelpad=2)
            axis.set(xticks=[], yticks=[])
    present = set().union(*pictures)
    missing = {'label': 'ignored', 'depth': 'no depth'}
    striped = ' / '.join(text for name, text in missing.items() if name in present)
    classes = source.dataset.metainfo['classes'] if 'label' in present else ()
    patches = colours.class_patches(classes, palette[: len(classes)], striped)
    style = dict(loc='outside lower center', fontsize=8, frameon=False)
    figure.legend(handles=patches, ncols=max(1, int(width / 1.5)), **style)
    save_figure(figure, path, 130)
