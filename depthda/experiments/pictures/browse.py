"""What the model really sees: samples as the pipeline of a config deals them, on contact sheets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib.patches import Patch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample

from depthda.engine.run_sampler import RunSampler
from depthda.errors import UserError, many
from depthda.io.files import atomic_path
from depthda.io.plotting import plt
from depthda.randomness import SampleKey, derive_seed

_PAGE = (4, 2)  # samples down and across
_LIGHT, _DARK = 225, 165  # the stripes of what has no value


@dataclass(frozen=True)
class Seen:
    """A sample after its pipeline.

    Attributes:
        title: file, domain, size.
        image: H×W×3 RGB, uint8.
        fourth: H×W×3 uint8, where there is a fourth optical band; later ones are not shown.
        depth: H×W, 0 where there is none; None if the model gets no depth.
        label: H×W class indices and the ignored one; None if the set has no labels.
    """

    title: str
    image: np.ndarray
    fourth: np.ndarray | None
    depth: np.ndarray | None
    label: np.ndarray | None


@dataclass(frozen=True)
class Source:
    """The data set of a config and how its model reads a sample."""

    dataset: object
    bands: int
    drops_depth: bool
    title: str

    @property
    def classes(self) -> Sequence[str]:
        return self.dataset.metainfo['classes']

    @property
    def palette(self) -> Sequence[Sequence[int]]:
        return self.dataset.metainfo['palette']


def open_source(cfg: Config, name: str, split: str) -> Source:
    """Build the data set of one of the config's data loaders.

    Args:
        cfg: the config.
        name: what to call it.
        split: ``'train'``, ``'val'`` or ``'test'``.
    """
    loader = cfg.get(f'{split}_dataloader')
    if not loader or 'dataset' not in loader:
        raise UserError(f'{name} has no {split}_dataloader with a dataset: choose another --split.')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(loader.dataset)
    preprocessor = cfg.model.get('data_preprocessor') or {}
    # A translation learns from depth as far as its losses have weights.
    learns = any(cfg.model.get(key, 1) for key in ('dsl_weight', 'dccl_weight'))
    return Source(
        dataset,
        preprocessor.get('optical_bands') or len(preprocessor.get('mean') or (0, 0, 0)),
        preprocessor.get('depth') == 'drop' or not learns,
        f'{name}, {split}: {len(dataset)} {"pairs" if hasattr(dataset, "sets") else "images"}',
    )


def deal(source: Source, number: int, repeat: int, seed: int) -> Iterator[Seen]:
    """The first samples of a run with this seed; or each of fewer, ``repeat`` times over.

    Of a pair, the source and then the target. A repetition has the sample's augmentation at
    another position of the run.
    """
    sampler = RunSampler(source.dataset, seed=seed)
    for place, key in enumerate(islice(iter(sampler), min(number, sampler.size))):
        for again in range(repeat):
            position = place + again * sampler.size
            yield from _look(source, SampleKey(int(key), derive_seed(seed, 'sample', position)))


def draw_sheets(
    out: str | PathLike, source: Source, samples: Sequence[Seen], name: str
) -> list[Path]:
    """Write contact sheets of eight samples, ``<name>-1.png`` and so on; return their paths."""
    size = _PAGE[0] * _PAGE[1]
    pages = [samples[start : start + size] for start in range(0, len(samples), size)]
    paths = [Path(out) / f'{name}-{number}.png' for number in range(1, len(pages) + 1)]
    for number, (path, page) in enumerate(zip(paths, pages, strict=True), 1):
        title = f'{source.title}, {many(len(samples), "sample")} as the model gets them'
        if len(pages) > 1:
            title += f' (sheet {number} of {len(pages)})'
        _draw(path, source, page, title)
    return paths


def _look(source: Source, key: SampleKey) -> Iterator[Seen]:
    packed = source.dataset[key]
    # The file's own record: a pipeline need not pack what it does not use.
    info = source.dataset.get_data_info(key)
    if not hasattr(source.dataset, 'sets'):
        yield _see(source, packed['inputs'].numpy(), packed['data_samples'], info)
        return
    for domain, inputs in packed['inputs'].items():
        yield _see(source, inputs.numpy(), packed['data_samples'][domain], info[domain])


def _see(source: Source, inputs: np.ndarray, sample: SegDataSample, info: dict) -> Seen:
    path = info['img_path']
    channels, height, width = inputs.shape
    if channels not in (source.bands, source.bands + 1):
        raise UserError(
            f'{path} has {channels} channels after the pipeline, but model.data_preprocessor '
            f'takes {source.bands} optical bands: correct one of them.'
        )
    has_depth = channels > source.bands and not source.drops_depth
    words = [Path(path).stem, info.get('split'), info.get('domain'), f'{width}×{height}']
    label = sample.gt_sem_seg.data[0].numpy() if 'gt_sem_seg' in sample else None
    colours = inputs[2::-1] if source.bands > 2 else inputs[[0, 0, 0]]
    fourth = _bytes(inputs[3]) if source.bands > 3 else None
    return Seen(
        ' · '.join(filter(None, words)),
        _bytes(colours.transpose(1, 2, 0)),
        None if fourth is None else np.repeat(fourth[..., None], 3, -1),
        inputs[-1] if has_depth else None,
        label,
    )


def _bytes(image: np.ndarray) -> np.ndarray:
    """0…255 as it is; the range of another sensor is stretched to it."""
    image = image.astype(np.float32)
    # Bicubic resizing may overshoot 255 a little; a sensor of more than eight bits does by far.
    if image.max() > 2 * 255:
        low, high = np.percentile(image, [1, 99])
        image = (image - low) * (255 / max(high - low, 1))
    return image.clip(0, 255).astype(np.uint8)


def _stripes(shape: tuple[int, int]) -> np.ndarray:
    """Grey diagonal stripes, H×W×3: nothing that a map of colours has."""
    rows, columns = np.indices(shape)
    width = max(2, min(shape) // 32)
    return np.where((rows + columns) // width % 2, _LIGHT, _DARK)[..., None].repeat(3, -1)


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """Colours from 0 (far, dark) to 1 (near, bright) for every sample alike; no depth: stripes."""
    coloured = (255 * plt.get_cmap('magma')(depth)[..., :3]).astype(np.uint8)
    return np.where((depth > 0)[..., None], coloured, _stripes(depth.shape)).astype(np.uint8)


def label_picture(
    label: np.ndarray, image: np.ndarray, palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """Class colours over the grey image; what is no class: stripes."""
    colours = np.array([*palette, (0, 0, 0)], float)
    is_class = label < len(palette)
    chosen = colours[np.where(is_class, label, len(palette))]
    blended = 0.65 * chosen + 0.35 * image.mean(-1, keepdims=True)
    return np.where(is_class[..., None], blended, _stripes(label.shape)).astype(np.uint8)


def _pictures(sample: Seen, palette: Sequence[Sequence[int]]) -> dict[str, tuple[np.ndarray, str]]:
    """The columns of a sample: picture and the line below it."""
    columns = {'image': (sample.image, '')}
    if sample.fourth is not None:
        columns['band 4'] = (sample.fourth, '')
    if sample.depth is not None:
        valid = sample.depth[sample.depth > 0]
        said = f'{valid.min():.2f} to {valid.max():.2f}' if valid.size else ''
        if valid.size < sample.depth.size:
            said += f'{", " if said else ""}{100 * (1 - valid.size / sample.depth.size):.0f} % none'
        columns['depth'] = (depth_picture(sample.depth), said)
    if sample.label is not None:
        ignored = np.mean(sample.label >= len(palette))
        said = f'{100 * ignored:.0f} % ignored' if ignored else ''
        columns['label'] = (label_picture(sample.label, sample.image, palette), said)
    return columns


def _draw(path: Path, source: Source, page: Sequence[Seen], title: str) -> None:
    across = min(_PAGE[1], len(page))
    down = -(-len(page) // across)
    pictures = [_pictures(sample, source.palette) for sample in page]
    columns = max(map(len, pictures))
    width = max(2.1 * columns * across, 7.5)
    figure = plt.figure(figsize=(width, 2.5 * down + 0.9), layout='constrained')
    figure.suptitle(title, fontsize=11)
    cells = figure.subfigures(down, across, squeeze=False, wspace=0.04).ravel()
    for cell, sample, shown in zip(cells, page, pictures, strict=False):
        cell.suptitle(sample.title, fontsize=9, fontweight='bold')
        axes = cell.subplots(1, columns, squeeze=False)[0]
        for axis, (name, (picture, said)) in zip(axes, shown.items(), strict=False):
            axis.imshow(picture, interpolation='nearest')
            axis.set_title(name, fontsize=8, pad=2)
            axis.set_xlabel(said, fontsize=8, labelpad=2)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.legend(
        handles=_legend(source, pictures),
        loc='outside lower center',
        ncols=max(1, int(width / 1.5)),
        fontsize=8,
        frameon=False,
    )
    with atomic_path(path) as beside:
        figure.savefig(beside, dpi=130)
    plt.close(figure)


def _legend(source: Source, pictures: Sequence[dict]) -> list[Patch]:
    shown = set().union(*pictures)
    patches = []
    if 'label' in shown:
        for name, colour in zip(source.classes, source.palette, strict=True):
            patches.append(Patch(facecolor=np.divide(colour, 255), edgecolor='grey', label=name))
    if shown & {'label', 'depth'}:
        missing = {'label': 'ignored', 'depth': 'no depth'}
        said = ' / '.join(text for name, text in missing.items() if name in shown)
        grey = [[value / 255] * 3 for value in (_LIGHT, _DARK)]
        stripes = dict(facecolor=grey[0], edgecolor=grey[1], hatch='/////')
        patches.append(Patch(**stripes, label=said))
    return patches
