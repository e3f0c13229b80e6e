"""Translate a labelled dataset of one domain to the style and image size of another."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dist import barrier, get_dist_info
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from torch import Tensor

from depthda.checkpoints.fit import load_complete
from depthda.checkpoints.loading import check_is_checkpoint, file_hash, latest_checkpoint, read_meta
from depthda.depth.maps import read_depth, write_depth
from depthda.engine.checks.checkpoint_check import check_translated_domain
from depthda.engine.checks.output_check import check_folder
from depthda.engine.prepare import load_config
from depthda.errors import UserError, check_count
from depthda.io.manifest import ResumableFolder
from depthda.io.rasters import tile_suffix, write_image
from depthda.models.missing_depth import resize_depth
from depthda.processes import init_processes
from depthda.provenance import TRANSLATION, git_commit

_NEAREST = dict(mode='nearest-exact')  # has the same pixel centres as bilinear resizing


def translate(
    config: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    batch_size: int = 4,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Translate ``translate_dataset`` of a config to the target's style and size.

    The result has the same folders as ``data_root``, so the same dataset class reads it. Images are
    written without loss. Labels are resized by nearest neighbour. Depth is resized bilinearly, and
    a pixel has no depth if any pixel without depth contributes to it. Finished tiles are skipped.
    Several processes share the tiles.

    Args:
        checkpoint: A ``.pth`` file of its training, or the work dir, whose last checkpoint is used.
        out: Folder of the new dataset.
        cfg_options: Config overrides by dotted key.
        launcher: As in mmengine: ``none``, ``pytorch``, ``slurm``, ``mpi``.
        progress: Called with the number of finished tiles and the number of all tiles; both count
            only those of this process.

    Returns:
        The content of ``<out>/translation.json``.
    """
    cfg = load_config(config, cfg_options)
    if 'translate_dataset' not in cfg:
        raise UserError(
            f'{config} has no translate_dataset: use the config of a translation (configs/drdg).'
        )
    checkpoint = _checkpoint(checkpoint)
    check_folder('--out', str(out))
    check_count('--batch-size', batch_size)
    init_processes(launcher)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(_source_config(cfg))
    check_translated_domain(dataset, str(config), str(checkpoint))
    manifest = _manifest(config, cfg_options, checkpoint, cfg.model.get('target_size'), dataset)
    folder = TranslationFolder(Path(out), manifest)
    rank, processes = get_dist_info()
    if rank == 0:
        folder.open()
    model = _load(cfg.model, checkpoint)
    if rank == 0:  # after loading, so that nothing is written if the checkpoint does not fit
        folder.write()
    barrier()
    suffix = tile_suffix(model.data_preprocessor.optical_bands, 'uint8')
    tiles = [_Tile(dataset, i, Path(out), suffix) for i in range(rank, len(dataset), processes)]
    _translate_tiles(model, tiles, batch_size, progress)
    barrier()
    folder.content['finished'] = True
    if rank == 0:
        folder.write(complete=True)
    return folder.content


class TranslationFolder(ResumableFolder):
    """A translated dataset, whose manifest records its source and checkpoint."""

    name = unfinished = TRANSLATION
    keys = ('source', 'size', 'tiles', 'checkpoint')
    kind = 'a translation'
    advice = 'set --out to an empty or new folder'

    def check(self, before: dict[str, Any]) -> None:
        """Refuse to mix the tiles of two datasets, sizes or checkpoints."""
        both = (before, self.content)
        self.compare(*({key: manifest[key] for key in self.keys[:-1]} for manifest in both))
        old, new = (manifest['checkpoint'] for manifest in both)
        if old['sha256'] != new['sha256']:
            raise UserError(
                f'{self.root} contains a translation by another checkpoint ({old["file"]}): '
                f'{self.advice}, or remove the old translation.'
            )


def _source_config(cfg: Config) -> dict[str, Any]:
    """Return the config of the dataset to translate.

    It is the source dataset of training, updated by ``translate_dataset``. So a selection in the
    source, such as ``areas``, also holds for the translation.
    """
    source = cfg.get('train_dataloader', {}).get('dataset', {}).get('source') or {}
    shared = {key: value for key, value in source.items() if key not in ('labels', 'pipeline')}
    return shared | cfg.translate_dataset.to_dict()


class _Tile:
    """A sample and the paths of its translated files; the image is read only when needed."""

    def __init__(self, dataset: Any, index: int, out: Path, suffix: str) -> None:
        self._dataset, self._index = dataset, index
        info = dataset.get_data_info(index)
        paths = {key: info.get(key) for key in ('img_path', 'seg_map_path', 'depth_path')}
        root = Path(dataset.data_root)
        self.source = {key: Path(path) for key, path in paths.items() if path}
        self.target = {
            # The result is written without loss, even if the source is a JPEG.
            key: (out / os.path.relpath(path, root)).with_suffix(
                suffix if key == 'img_path' else '.png'
            )
            for key, path in self.source.items()
        }

    @property
    def image(self) -> Tensor:
        return self._dataset[self._index]['inputs']


@torch.inference_mode()
def _translate_tiles(
    model: torch.nn.Module,
    tiles: Sequence[_Tile],
    batch_size: int,
    progress: Callable[[int, int], None],
) -> None:
    unfinished = [tile for tile in tiles if not all(map(Path.is_file, tile.target.values()))]
    finished = len(tiles) - len(unfinished)
    progress(finished, len(tiles))
    for start in range(0, len(unfinished), batch_size):
        batch = unfinished[start : start + batch_size]
        images = model.test_step(dict(inputs=dict(source=[tile.image for tile in batch])))
        for tile, image in zip(batch, images, strict=True):
            _write(tile, image.movedim(0, 2).cpu().numpy())
        progress(finished + start + len(batch), len(tiles))


def _write(tile: _Tile, image: np.ndarray) -> None:
    """Write a tile: labels and depth before the image, so no image exists without them."""
    size = image.shape[:2]
    if 'seg_map_path' in tile.source:
        labels = _read_labels(tile.source['seg_map_path'])
        resized = F.interpolate(torch.from_numpy(labels)[None, None], size, **_NEAREST)
        write_image(tile.target['seg_map_path'], resized[0, 0].numpy())
    if 'depth_path' in tile.source:
        depth = torch.from_numpy(read_depth(tile.source['depth_path']))[None, None]
        depth, valid = resize_depth(depth.masked_fill(depth <= 0, torch.nan), size, 'bilinear')
        depth = depth.masked_fill(~valid, 0).clamp(0, 1)
        write_depth(tile.target['depth_path'], depth[0, 0].numpy())
    # The model returns blue, green, red; write_image expects red, green, blue.
    write_image(tile.target['img_path'], np.dstack([image[..., 2::-1], image[..., 3:]]))


def _read_labels(path: Path) -> np.ndarray:
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        raise UserError(f'{path} is not a label map: save it as an 8-bit image with one band.')
    return labels


def _checkpoint(path: str | Path) -> Path:
    if not Path(path).is_dir():
        check_is_checkpoint(path)
        return Path(path)
    checkpoint = latest_checkpoint(path)
    if checkpoint is None:
        raise UserError(f'{path} contains no checkpoint: train the translation first.')
    return checkpoint


def _load(config: dict, checkpoint: str | Path) -> torch.nn.Module:
    model = MODELS.build(config)
    load_complete(model, checkpoint, 'translate with the config it was trained with')
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return model.to(device).eval()


def _manifest(
    config: str | Path,
    cfg_options: dict | None,
    checkpoint: str | Path,
    size: Sequence[int] | None,
    dataset: Any,
) -> dict[str, Any]:
    meta = read_meta(checkpoint)
    return {
        'config': str(config),
        'cfg_options': {key: str(value) for key, value in (cfg_options or {}).items()},
        'checkpoint': {'file': str(checkpoint), 'sha256': file_hash(checkpoint)},
        'seed': meta.get('seed'),
        'trained_on': meta.get('trained_on'),
        'source': str(dataset.data_root),
        'size': list(size) if size else None,
        'tiles': len(dataset),
        'areas': list(getattr(dataset, 'areas', ())),
        'commit': git_commit(),
        'finished': False,
    }
