"""Tiles in a few large files, which are mapped into memory, so that a crop is read alone.

``depthda prepare-dataset pack`` writes what the loading transforms of a dataset return. A folder
has a file of bytes for each array of the tiles (image, depth, labels), and an index: a line about
the transforms, then a line for each tile, which is written after its bytes. So packing can be
interrupted at any time.
"""

import copy
import json
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from depthda.datasets.transforms.uncropped import Uncropped
from depthda.errors import UserError
from depthda.io.files import DISK_FULL, atomic_path
from depthda.io.lock import own_folder
from depthda.io.tuples import restored, stored

if TYPE_CHECKING:
    from depthda.datasets.rgbd import RGBDSegDataset

_INDEX = 'index.jsonl'
_DEPTH = 'depth'  # name of the array of depth, which comes with the image
_PATHS = ('img_path', 'seg_map_path', 'depth_path')
_AT_ONCE = 64  # tiles that are in memory while a folder is written


class PackedTiles:
    """Reads the packed tiles of a dataset.

    Raises a ``UserError`` if tiles are missing, if the files of a tile have changed in size since
    they were packed, or if the dataset has other loading transforms.
    """

    def __init__(self, folder: str | os.PathLike, dataset: 'RGBDSegDataset') -> None:
        self._folder = Path(folder)
        if not (self._folder / _INDEX).is_file():
            raise UserError(
                f'there are no packed tiles in {folder}: make them with depthda prepare-dataset '
                'pack, or set cache of the dataset to None'
            )
        about, tiles = _read_index(self._folder)
        self._tiles = {tile['name']: tile for tile in tiles}
        self._maps: dict[str, np.memmap] = {}
        if about != _about(dataset):
            raise UserError(
                f'the tiles in {folder} were packed with other loading transforms or label '
                'settings: pack this dataset into another folder'
            )
        for index in range(len(dataset)):
            self._check(dataset.get_data_info(index), dataset)

    def _check(self, info: Mapping, dataset: 'RGBDSegDataset') -> None:
        name = _name(info, dataset)
        again = f'run depthda prepare-dataset pack … --out {self._folder} again'
        if name not in self._tiles:
            raise UserError(f'{name} is not among the packed tiles in {self._folder}: {again}')
        if self._tiles[name]['sizes'] != _sizes(info):
            raise UserError(
                f'{name}, its labels or its depth have changed since they were packed: remove '
                f'{self._folder}, and {again}'
            )

    def load(self, info: Mapping, dataset: 'RGBDSegDataset', crops: bool) -> dict:
        """Return what the loading transforms return for a sample.

        With ``crops``, the arrays are :class:`Uncropped`.
        """
        tile = self._tiles[_name(info, dataset)]
        arrays = {key: self._view(key, place) for key, place in tile['arrays'].items()}
        codes = arrays.pop(_DEPTH, None)
        tiles = {
            key: Uncropped(array, codes if key == 'img' else None) for key, array in arrays.items()
        }
        whole = {key: tile if crops else tile[:, :] for key, tile in tiles.items()}
        return {**info, **restored(tile['values']), **whole}

    def _view(self, key: str, place: list) -> np.ndarray:
        start, shape, dtype = place
        if key not in self._maps:
            self._maps[key] = np.memmap(_array_file(self._folder, key), np.uint8, 'r')
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return self._maps[key][start : start + size].view(dtype).reshape(shape)

    def __getstate__(self) -> dict:
        return self.__dict__ | dict(_maps={})  # a worker process maps the files itself


def pack_tiles(
    dataset: 'RGBDSegDataset',
    folder: str | os.PathLike,
    workers: int = 4,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Pack those tiles of a dataset that the folder does not have yet; return their number."""
    folder = Path(folder)
    with own_folder(folder):
        done = _names_in(folder, dataset)
        dataset.convert_depth_after_crop(True)
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        named = {_name(info, dataset): info for info in infos}
        todo = [(name, info) for name, info in named.items() if name not in done]
        files: dict[str, BinaryIO] = {}
        try:
            index_file = open(folder / _INDEX, 'a', encoding='utf-8')
            with ThreadPoolExecutor(workers) as pool, index_file as index:
                for start in range(0, len(todo), _AT_ONCE):
                    part = todo[start : start + _AT_ONCE]
                    # The transforms change what they get.
                    loaded = pool.map(lambda item: dataset.load(copy.deepcopy(item[1])), part)
                    for number, (item, tile) in enumerate(zip(part, loaded, strict=True), start):
                        line = _write(files, folder, *item, tile)
                        index.write(json.dumps(line) + '\n')
                        index.flush()
                        progress(number + 1, len(todo))
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise UserError(
                f'{folder} cannot be written ({error.strerror}): make room, and run the command '
                'again to continue'
            ) from error
        finally:
            for file in files.values():
                with suppress(OSError):  # what is buffered belongs to a tile without a line
                    file.close()
    return len(todo)


def _names_in(folder: Path, dataset: 'RGBDSegDataset') -> set[str]:
    """Return the names of the complete tiles; cut off what an interrupted run left behind them."""
    about = _about(dataset)
    if not (folder / _INDEX).is_file():
        if others := [path.name for path in folder.iterdir() if path.name != '.lock']:
            raise UserError(f'{folder} contains {others[0]}: choose a new folder')
        (folder / _INDEX).write_text(json.dumps(about) + '\n', encoding='utf-8')
        return set()
    found, tiles = _read_index(folder)
    if found != about:
        raise UserError(
            f'{folder} has tiles of a dataset with other loading transforms or label settings: '
            'choose another folder'
        )
    ends: dict[str, int] = {}
    for tile in tiles:
        for key, (start, shape, dtype) in tile['arrays'].items():
            ends[key] = start + int(np.prod(shape)) * np.dtype(dtype).itemsize
    for path in folder.glob('*.bin'):
        os.truncate(path, ends.get(path.stem, 0))
    lines = [json.dumps(line) + '\n' for line in (about, *tiles)]
    with atomic_path(folder / _INDEX) as temporary:
        temporary.write_text(''.join(lines), encoding='utf-8')
    return {tile['name'] for tile in tiles}


def _write(files: dict, folder: Path, name: str, info: Mapping, tile: Mapping) -> dict[str, Any]:
    """Append the arrays of a tile to their files; return the line of the index."""
    arrays = {key: value for key, value in tile.items() if isinstance(value, np.ndarray)}
    if isinstance(image := tile['img'], Uncropped):
        arrays |= {'img': image.array, _DEPTH: image.codes}
    places = {}
    for key, array in arrays.items():
        if key not in files:
            files[key] = open(_array_file(folder, key), 'ab')
        places[key] = [files[key].tell(), list(array.shape), str(array.dtype)]
        files[key].write(np.ascontiguousarray(array))
        files[key].flush()
    values = {k: v for k, v in tile.items() if k not in (*arrays, 'img') and info.get(k) != v}
    return dict(name=name, sizes=_sizes(info), values=stored(values), arrays=places)


def _read_index(folder: Path) -> tuple[dict, list[dict]]:
    lines = (folder / _INDEX).read_text(encoding='utf-8').split('\n')
    about, *tiles = (json.loads(line) for line in lines[:-1])  # the last one is empty, or a part
    return about, tiles


def _about(dataset: 'RGBDSegDataset') -> dict:
    """Return what the content of packed tiles depends on, beside their files."""
    about = dict(
        # Without the address in memory, which some transforms have in their description.
        loading=[re.sub(r' at 0x\w+', '', repr(step)) for step in dataset.loading_steps],
        reduce_zero_label=dataset.reduce_zero_label,
        label_map=dataset.label_map,
    )
    return json.loads(json.dumps(about))  # keys of label_map become texts, as in the index


def _name(info: Mapping, dataset: 'RGBDSegDataset') -> str:
    return os.path.relpath(info['img_path'], dataset.data_root or '.')


def _sizes(info: Mapping) -> dict[str, int]:
    paths = {key: info.get(key) for key in _PATHS}
    return {key: os.path.getsize(path) for key, path in paths.items() if path}


def _array_file(folder: Path, key: str) -> Path:
    return folder / f'{key}.bin'
