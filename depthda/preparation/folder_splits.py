"""The splits of a folder of images: read from the command line, and dealt to the tiles."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from depthda.datasets.copies import equal_files
from depthda.errors import UserError, few, many
from depthda.io.files import read_lines
from depthda.io.rasters import open_raster
from depthda.preparation import splits as parting
from depthda.preparation.scene import Boxes, Grid, Scene, scene_name


@dataclass(frozen=True)
class Splits:
    """How tiles are divided into splits.

    Args:
        shares: Share of each split; None: use ``lists``.
        lists: Names of the images of each split; images in no list are left out.
        by: ``'image'`` keeps the tiles of an image together; ``'block'`` cuts the ground.
        seed: Seed of the random order of the images.
    """

    shares: Mapping[str, float] | None = None
    lists: Mapping[str, Sequence[str]] | None = None
    by: str = 'image'
    seed: int = 0

    @property
    def names(self) -> list[str]:
        return list(self.shares if self.lists is None else self.lists)


def read_splits(parts: Sequence[str] | None, by: str, seed: int | None) -> Splits | None:
    """Read ``NAME=SHARE`` or ``NAME=FILE`` for each split."""
    if not parts:
        if by == 'block' or seed is not None:
            option = '--seed' if seed is not None else '--split-by block'
            raise UserError(f'{option} is about splits: add --split')
        return None
    named: dict[str, str] = {}
    shares: dict[str, float] = {}
    for part in parts:
        name, sign, value = part.partition('=')
        if not sign or not re.fullmatch(r'[\w-]+', name) or name in named:
            raise UserError(f'--split {part}: write NAME=SHARE or NAME=FILE, each name once')
        named[name] = value
        with suppress(ValueError):  # otherwise it is a file
            shares[name] = float(value)
    if len(shares) == len(named):
        return Splits(shares, None, by, seed or 0)
    if shares:
        raise UserError(
            f'--split {" ".join(parts)} mixes shares and lists: give a share for each (train=0.7) '
            'or a file for each (train=train.txt)'
        )
    if by == 'block':
        raise UserError('--split-by block takes shares (train=0.7), not lists')
    return Splits(None, {name: _read_list(name, value) for name, value in named.items()})


def _read_list(name: str, value: str) -> list[str]:
    if not Path(value).is_file():
        raise UserError(
            f'--split {name}={value}: {value or "nothing"} is neither a share (0.7) nor a file '
            'with one name per line'
        )
    return [scene_name(line) for line in read_lines(value)]


def split_tiles(grids: Mapping[str, Grid], splits: Splits | None) -> dict[str, str | None]:
    """Return the split of each tile that is written; '' if the dataset is not split."""
    if splits is None:
        return {tile: '' for grid in grids.values() for tile in grid.boxes}
    if splits.lists is not None:
        of_image = parting.by_list(list(grids), splits.lists)
    elif splits.by == 'image':
        of_image = parting.by_image(grids, splits.shares, splits.seed)
    else:
        maps = on_map(grids)
        if len(maps) > 1 or not all(grid.map_boxes for grid in grids.values()):
            # Not all on one map: each image is a region by itself.
            maps = {name: grid.boxes for name, grid in grids.items()}
        return parting.by_block(maps.values(), splits.shares)
    return {tile: split for name, split in of_image.items() for tile in grids[name].boxes}


def on_map(grids: Mapping[str, Grid]) -> dict[str, Boxes]:
    """Group the tiles that have a place on a map by its coordinate system."""
    found: dict[str, dict] = {}
    for grid in grids.values():
        if grid.map_boxes:
            found.setdefault(grid.crs, {}).update(grid.map_boxes)
    return found


def refuse_copies(
    scenes: Iterable[Scene], grids: Mapping[str, Grid], splits: Mapping[str, str | None]
) -> None:
    """Refuse files of the same bytes in different splits: scores on them would be too good.

    Images of one colour may be in several: most are places without data, and nothing is learned
    from them.
    """
    used = {
        str(scene.reference): grids[scene.name]
        for scene in scenes
        if any(splits.get(tile) for tile in grids[scene.name].boxes)
    }
    pairs: list[str] = []
    for paths in equal_files(used):
        # The file and split of each place in the image, whichever copy comes first.
        places: dict[tuple, tuple[str, str]] = {}
        apart = {}
        for path in paths:
            for tile, box in used[path].boxes.items():
                if split := splits[tile]:
                    first, other = places.setdefault(box, (path, split))
                    if split != other:
                        apart[path] = f'{path} in {split} = {first} in {other}'
        if apart and not _is_plain(paths[0]):
            pairs += apart.values()
    if pairs:
        raise UserError(
            f'{many(len(pairs), "copy", "copies")} of images would be in another split than the '
            f'original ({few(pairs)}): keep one file of each image, or name all copies of an image '
            'in one list (--split NAME=FILE)'
        )


def _is_plain(path: str) -> bool:
    with open_raster(path) as raster:
        pixels = raster.read()
    return bool((pixels == pixels[:, :1, :1]).all())
