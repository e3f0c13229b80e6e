"""Refuse to write the results of a run into the data that the run reads."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from mmengine.config import Config

from depthda.engine.checks.data_check import LOADERS, datasets_of
from depthda.engine.overrides import read_nodes
from depthda.errors import UserError


def check_outputs(cfg: Config, **folders: str | None) -> None:
    """Refuse a folder of results that cannot be written, or that holds or lies in the data.

    Args:
        cfg: The config, whose datasets may be missing on this machine.
        **folders: The folders by the name of their option, with ``_`` for ``-``.
    """
    given = {f'--{name.replace("_", "-")}': path for name, path in folders.items() if path}
    for option, path in given.items():
        check_folder(option, path)
    for data, key in _data_folders(cfg) if given else ():
        for option, path in given.items():
            folder = Path(path).resolve()
            # Results may lie below the working directory even if a dataset begins there.
            inside = data in folder.parents and data not in (Path.cwd(), *Path.cwd().parents)
            if folder == data or inside:
                raise UserError(
                    f'{option} {path} lies in the data of {key} ({data}), where results would '
                    'replace or mix with files that are read: give a folder outside the data.'
                )


def check_folder(option: str, path: str) -> None:
    """Refuse a file where a folder is to be written, and a place where nothing can be written."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UserError(f'{option} {path} is a file: give a folder.')
    parent = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not parent.is_dir():
        raise UserError(
            f'{option} {path} cannot be made, because {parent} is a file: give a folder.'
        )
    try:
        # Permissions are not enough: the disk may be full, or mounted read-only.
        with TemporaryFile(dir=parent) as file:
            file.write(b' ')
    except OSError as error:
        raise UserError(
            f'{option} {path}: nothing can be written to {parent} ({error.strerror}): give another '
            'folder.'
        ) from error


def _data_folders(cfg: Config) -> Iterator[tuple[Path, str]]:
    """Yield the root of each dataset, and each folder of its files, with the config's key."""
    for name in LOADERS:
        loader = f'{name}_dataloader'
        for key, value in read_nodes({loader: cfg.get(loader)}):
            if key.endswith('.data_root') and value:
                yield Path(value).resolve(), key
        for dataset in datasets_of(cfg, name):
            # A dataset that is missing or faulty is reported when it is built.
            with suppress(UserError):
                paths = [
                    sample.get(kind)
                    for sample in dataset.load_data_list()
                    for kind in ('img_path', 'seg_map_path', 'depth_path')
                ]
                for folder in dict.fromkeys(os.path.dirname(path) for path in paths if path):
                    yield Path(folder).resolve(), f'{loader}.dataset'
