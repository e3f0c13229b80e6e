"""LoveDA as downloaded made into the tree that is trained on, and looked at on the way."""

import functools
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from depthda.errors import UserError, few, many
from depthda.io.files import atomic_path, remove_strays, walk
from depthda.io.headers import is_whole
from depthda.io.lock import own_folder
from depthda.io.manifest import NAME, UNFINISHED
from depthda.preparation.archives import open_archive, read_member
from depthda.provenance import TRANSLATION

Progress = Callable[[int, int], None]
Part = tuple[str, str]  # split, domain

# First and last file number of each part, as its owners number them.
NUMBERS: dict[Part, tuple[int, int]] = {
    ('Train', 'Rural'): (0, 1365),
    ('Train', 'Urban'): (1366, 2521),
    ('Val', 'Rural'): (2522, 3513),
    ('Val', 'Urban'): (3514, 4190),
    ('Test', 'Rural'): (4191, 5166),
    ('Test', 'Urban'): (5167, 5986),
}
SIDE = 1024
CODES = 8  # 0 no data, 1…7 the classes
_OFFICIAL = re.compile(
    r'(?:^|/)(Train|Val|Test)/(Urban|Rural)/(images_png|masks_png)/([^/]+\.png)$'
)
# What mmseg's converter makes: domains merged, numbers kept.
_MERGED = re.compile(r'(?:^|/)(img|ann)_dir/(?:train/|val/|test/)?((\d+)\.png)$')
# Files that the other preparations, the synthetic world and translations leave beside their tiles.
_OF_OTHERS = (NAME, UNFINISHED, 'world.json', TRANSLATION)
_FOLDERS = {'img': 'images_png', 'ann': 'masks_png'}


@dataclass(frozen=True)
class Picture:
    """One file of the set: where it goes, and where it is."""

    part: Part
    folder: str  # images_png or masks_png
    name: str
    size: int
    source: str
    read: Callable[[], bytes]

    @property
    def path(self) -> Path:
        return Path(*self.part, self.folder, self.name)


def prepare_loveda(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    partial: bool = False,
    workers: int = 4,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """Write what the zips and folders hold of LoveDA below ``out``; gives what is missing there.

    Every picture is checked before it is written: images of 1024² with three bands, masks of that
    size with codes 0…7. What is there already and as large as it should be is left, so a run that
    was interrupted is ended by the next one. Domains that a converter has merged are parted again,
    by their numbers.

    Args:
        sources: Zips, folders of zips, or folders that hold the unpacked tree (or mmseg's)
            anywhere below.
        out: The folder that ``data_root`` will name.
        partial: Accept pictures of other sizes and any number of them.
        workers: Threads that decode and write.
        progress: Called with how many pictures are done, and of how many.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f'{out} is a file: name a folder.')
    if workers < 1:
        raise UserError(f'{workers} workers cannot read anything: take 1 or more.')
    with ExitStack() as opened:
        # Every archive is looked at before the first byte is written.
        pictures = [each for source in sources for each in _open(Path(source), opened)]
        _check_once(pictures)
        _refuse_other(pictures, out)
        _check_room(pictures, out)
        with own_folder(out), ThreadPoolExecutor(workers) as pool:
            for folder in {(out / picture.path).parent for picture in pictures}:
                remove_strays(folder)
            done = pool.map(lambda picture: _bring(picture, out, partial), pictures)
            for number, _ in enumerate(done, 1):
                progress(number, len(pictures))
    return missing(out)


def missing(out: Path) -> list[str]:
    """What LoveDA has and ``out`` has not, a line for each part; and masks without images."""
    lines = []
    for part, (first, last) in NUMBERS.items():
        folder = out.joinpath(*part)
        images = _stems(folder / 'images_png')
        wanted = {str(number) for number in range(first, last + 1)}
        if not images:
            lines.append(f'{"/".join(part)}: nothing of its {len(wanted):,} images')
        elif absent := wanted - images:
            lines.append(f'{"/".join(part)}: {_some(absent)} of {len(wanted):,} images missing')
        if part[0] != 'Test' and (absent := images - _stems(folder / 'masks_png')):
            lines.append(f'{"/".join(part)}: {_some(absent)} of {len(images):,} images lack a mask')
    return lines


def counts(out: str | os.PathLike) -> dict[Part, tuple[int, int, int]]:
    """Of each part: images, masks, and images that there should be."""
    return {
        part: (
            len(_stems(Path(out, *part, 'images_png'))),
            len(_stems(Path(out, *part, 'masks_png'))),
            last - first + 1,
        )
        for part, (first, last) in NUMBERS.items()
    }


def _open(source: Path, opened: ExitStack) -> list[Picture]:
    if source.is_dir():
        zips = sorted(source.glob('*.zip'))
        found = list(_below(source)) or [each for path in zips for each in _packed(path, opened)]
    elif source.is_file():
        found = list(_packed(source, opened))
    else:
        raise UserError(f'there is no {source}: give the zips of LoveDA, or the unpacked folder.')
    if not found:
        raise UserError(
            f'{source} holds nothing of LoveDA: looked for {{Train,Val,Test}}/{{Urban,Rural}}/'
            '{images_png,masks_png}/*.png, and for img_dir and ann_dir of mmseg.'
        )
    return found


def _packed(path: Path, opened: ExitStack) -> Iterator[Picture]:
    archive, names = opened.enter_context(open_archive(path))
    for name in names:
        if place := _place(name):
            read = functools.partial(read_member, archive, name)
            yield Picture(*place, archive.getinfo(name).file_size, f'{path}:{name}', read)


def _below(source: Path) -> Iterator[Picture]:
    for folder, folders, names in walk(source):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            # With the folder's own name: it may be Train, or images_png itself.
            if place := _place(path.resolve().as_posix()):
                yield Picture(*place, path.stat().st_size, str(path), path.read_bytes)


def _place(name: str) -> tuple[Part, str, str] | None:
    """Part, folder and file name of a path; None for what is no picture of the set."""
    name = name.replace('\\', '/')
    if '/__MACOSX/' in f'/{name}' or name.rsplit('/', 1)[-1].startswith('.'):
        return None
    if found := _OFFICIAL.search(name):
        split, domain, folder, file = found.groups()
        return (split, domain), folder, file
    if found := _MERGED.search(name):
        kind, file, number = found.groups()
        for part, (first, last) in NUMBERS.items():
            if first <= int(number) <= last:
                return part, _FOLDERS[kind], file
    return None


def _check_once(pictures: Sequence[Picture]) -> None:
    places = Counter(picture.path for picture in pictures)
    for path, count in places.items():
        if count > 1:
            both = [picture.source for picture in pictures if picture.path == path]
            raise UserError(f'{path} is there {count} times, in {both[0]} and {both[1]}: give one.')


def _refuse_other(pictures: Sequence[Picture], out: Path) -> None:
    """Refuse to write among the files of another dataset, or over other pictures.

    One that is cut short is brought again.
    """
    if markers := [name for name in _OF_OTHERS if (out / name).exists()]:
        raise UserError(f'{out} holds another dataset already ({markers[0]}): name another folder')
    there = [each for each in pictures if (out / each.path).is_file()]
    if others := [p.path for p in there if not _is_there(p, out) and is_whole(out / p.path)]:
        raise UserError(
            f'{out} holds {many(len(others), "other picture")} under the same name '
            f'({few(map(str, others))}): name another folder, or remove them and the depth maps '
            'made of them'
        )


def _check_room(pictures: Sequence[Picture], out: Path) -> None:
    needed = sum(each.size for each in pictures if not _is_there(each, out))
    existing = next(
        folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise UserError(
            f'{out} needs {needed / 1e9:.1f} GB more, and its disk has {free / 1e9:.1f} GB left.'
        )


def _is_there(picture: Picture, out: Path) -> bool:
    path = out / picture.path
    return path.is_file() and path.stat().st_size == picture.size


def _bring(picture: Picture, out: Path, partial: bool) -> None:
    if _is_there(picture, out):
        return
    content = picture.read()
    _check_picture(picture, content, partial)
    with atomic_path(out / picture.path) as beside:
        beside.write_bytes(content)


def _check_picture(picture: Picture, content: bytes, partial: bool) -> None:
    data = np.frombuffer(content, np.uint8)
    # OpenCV raises an error of its own for a file of no bytes.
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise UserError(f'{picture.source} is no whole PNG: download it again.')
    is_mask = picture.folder == 'masks_png'
    shape = image.shape if partial else (SIDE, SIDE)
    wanted: tuple[int, ...] = shape[:2] if is_mask else (*shape[:2], 3)
    if image.shape != wanted or image.dtype != np.uint8:
        raise UserError(
            f'{picture.source} is {"×".join(map(str, image.shape))} of {image.dtype}: '
            f'{"a mask" if is_mask else "an image"} of LoveDA is {"×".join(map(str, wanted))} of '
            'uint8 (--partial takes other sizes).'
        )
    if is_mask and image.max() >= CODES:
        raise UserError(
            f'{picture.source} has the code {image.max()}: LoveDA has 0 for none and 1 to 7.'
        )


def _stems(folder: Path) -> set[str]:
    names = os.listdir(folder) if folder.is_dir() else []
    return {name[:-4] for name in names if name.endswith('.png') and not name.startswith('.')}


def _some(names: set[str]) -> str:
    """How many, and the first of them."""
    ordered = sorted(names, key=lambda name: (len(name), name))
    shown = ', '.join(ordered[:3])
    return f'{len(names):,} ({shown}{", …" if len(names) > 3 else ""})'
