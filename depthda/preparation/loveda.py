"""Turn LoveDA as downloaded into the folder tree that models are trained on; check every file."""

import functools
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from depthda.errors import UserError, check_count, few, many
from depthda.io.archives import open_archive, read_member
from depthda.io.files import atomic_path, remove_strays, walk
from depthda.io.headers import is_whole
from depthda.io.lock import own_folder
from depthda.io.manifest import NAME, UNFINISHED
from depthda.provenance import TRANSLATION

Progress = Callable[[int, int], None]
Part = tuple[str, str]  # split, domain

# First and last file number of each part, as the dataset's authors number them.
NUMBERS: dict[Part, tuple[int, int]] = {
    ('Train', 'Rural'): (0, 1365),
    ('Train', 'Urban'): (1366, 2521),
    ('Val', 'Rural'): (2522, 3513),
    ('Val', 'Urban'): (3514, 4190),
    ('Test', 'Rural'): (4191, 5166),
    ('Test', 'Urban'): (5167, 5986),
}
SIDE = 1024
CODES = 8  # 0: no data; 1 to 7: the classes
_IMAGES, _MASKS = 'images_png', 'masks_png'
_OFFICIAL = re.compile(rf'(?:^|/)(Train|Val|Test)/(Urban|Rural)/({_IMAGES}|{_MASKS})/([^/]+\.png)$')
# The tree of mmseg's converter: the domains are merged, the numbers are kept.
_MERGED = re.compile(r'(?:^|/)(img|ann)_dir/(?:train/|val/|test/)?((\d+)\.png)$')
# Files that the other preparations, the synthetic world and translations write next to their tiles.
_MARKERS_OF_OTHERS = (NAME, UNFINISHED, 'world.json', TRANSLATION)


@dataclass(frozen=True)
class LoveDAFile:
    """An image or a mask of the dataset: its place in the tree, and where it is read from."""

    part: Part
    folder: str  # images_png or masks_png
    name: str
    size: int
    source: str
    read: Callable[[], bytes]

    @property
    def path(self) -> Path:
        return Path(*self.part, self.folder, self.name)

    def is_in(self, out: Path) -> bool:
        """Whether ``out`` has a file of this size in this place."""
        path = out / self.path
        return path.is_file() and path.stat().st_size == self.size


def prepare_loveda(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    partial: bool = False,
    workers: int = 4,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """Write the LoveDA files of zips and folders below ``out``; return what is missing there.

    Every file is checked before it is written: images have 1024² pixels and three bands, masks the
    same size and the codes 0 to 7. A file that exists with the right size is kept, so an
    interrupted run continues where it was. Domains that a converter has merged are separated again
    by the file numbers.

    Args:
        sources: Zips, folders of zips, or folders that contain the unpacked tree (or mmseg's) at
            any depth.
        out: The folder that ``data_root`` will name.
        partial: Accept files of other sizes, and any number of them.
        workers: Threads that decode and write.
        progress: Called with the number of files that are done, and of all files.
    """
    out = Path(out)
    check_count('--workers', workers)
    with ExitStack() as stack:
        # Every archive is checked before the first byte is written.
        files = [file for source in sources for file in _open(Path(source), stack)]
        _check_unique(files)
        _check_target(files, out)
        _check_room(files, out)
        with own_folder(out), ThreadPoolExecutor(workers) as pool:
            for folder in {(out / file.path).parent for file in files}:
                remove_strays(folder)
            images = {file.path: file for file in files if file.folder == _IMAGES}
            done = pool.map(lambda file: _write(file, out, partial, images), files)
            number = 0
            try:
                for number, _ in enumerate(done, 1):
                    progress(number, len(files))
            except UserError as error:
                kept = f' {out} keeps the files that were written; the same command then continues.'
                raise UserError(f'{error}{kept if number else ""}') from error
    return missing(out)


def missing(out: Path) -> list[str]:
    """Describe the images of LoveDA that ``out`` lacks, and images without a mask, by part."""
    lines = []
    numbers = {part: set(map(str, range(low, high + 1))) for part, (low, high) in NUMBERS.items()}
    for part, official in numbers.items():
        images, masks = _stems(out, part)
        if not images:
            lines.append(f'{"/".join(part)}: none of its {len(official):,} images')
        elif absent := official - images:
            lines.append(f'{"/".join(part)}: {_some(absent)} of {len(official):,} images missing')
        for other in numbers:
            if other != part and (misplaced := images & numbers[other]):
                lines.append(
                    f'{"/".join(part)}: {_some(misplaced)} have numbers of {"/".join(other)}: put '
                    'them there'
                )
        if part[0] != 'Test' and (absent := images - masks):
            lines.append(f'{"/".join(part)}: {_some(absent)} of {len(images):,} images lack a mask')
    return lines


def counts(out: str | os.PathLike) -> dict[Part, tuple[int, int, int]]:
    """Count the images and masks of each part, and the images that LoveDA has there."""
    return {
        part: (*map(len, _stems(out, part)), last - first + 1)
        for part, (first, last) in NUMBERS.items()
    }


def _open(source: Path, stack: ExitStack) -> list[LoveDAFile]:
    if source.is_dir():
        zips = sorted(source.glob('*.zip'))
        found = list(_unpacked(source)) or [f for path in zips for f in _packed(path, stack)]
    elif source.is_file():
        found = list(_packed(source, stack))
    else:
        raise UserError(f'there is no {source}: give the zips of LoveDA, or the unpacked folder.')
    if not found:
        raise UserError(
            f'{source} contains no files of LoveDA: expected {{Train,Val,Test}}/{{Urban,Rural}}/'
            '{images_png,masks_png}/*.png, or img_dir and ann_dir of mmseg.'
        )
    return found


def _packed(path: Path, stack: ExitStack) -> Iterator[LoveDAFile]:
    archive, names = stack.enter_context(open_archive(path))
    for name in names:
        if place := _place(name):
            read = functools.partial(read_member, archive, name)
            yield LoveDAFile(*place, archive.getinfo(name).file_size, f'{path}:{name}', read)


def _unpacked(source: Path) -> Iterator[LoveDAFile]:
    for folder, folders, names in walk(source):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            # The whole path counts: the given folder may itself be Train, or images_png.
            if place := _place(path.resolve().as_posix()):
                yield LoveDAFile(*place, path.stat().st_size, str(path), path.read_bytes)


def _place(name: str) -> tuple[Part, str, str] | None:
    """Return part, folder and file name for a path; None for a file that is not of LoveDA."""
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
                return part, _IMAGES if kind == 'img' else _MASKS, file
    return None


def _check_unique(files: Sequence[LoveDAFile]) -> None:
    for path, count in Counter(file.path for file in files).items():
        if count > 1:
            first, second, *_ = (file.source for file in files if file.path == path)
            raise UserError(f'{path} is given {count} times, in {first} and {second}: give one.')


def _check_target(files: Sequence[LoveDAFile], out: Path) -> None:
    """Refuse to write into another dataset, or over complete files of other sizes.

    A file that is cut short is written again.
    """
    if markers := [name for name in _MARKERS_OF_OTHERS if (out / name).exists()]:
        raise UserError(f'{out} holds another dataset already ({markers[0]}): name another folder')
    replaced = [file.path for file in files if (out / file.path).is_file() and not file.is_in(out)]
    if others := [path for path in replaced if is_whole(out / path)]:
        raise UserError(
            f'{out} holds {many(len(others), "other picture")} under the same name '
            f'({few(map(str, others))}): name another folder, or remove them and the depth maps '
            'made from them'
        )


def _check_room(files: Sequence[LoveDAFile], out: Path) -> None:
    needed = sum(file.size for file in files if not file.is_in(out))
    folder = out.absolute()
    free = shutil.disk_usage(next(f for f in (folder, *folder.parents) if f.exists())).free
    if needed > free:
        raise UserError(
            f'{out} needs {needed / 1e9:.1f} GB more, and its disk has {free / 1e9:.1f} GB left.'
        )


def _write(file: LoveDAFile, out: Path, partial: bool, images: Mapping[Path, LoveDAFile]) -> None:
    if file.is_in(out):
        return
    content = file.read()
    _check_content(file, content, partial)
    image = images.get(Path(*file.part, _IMAGES, file.name))
    # Otherwise all files have one size. The header of a PNG stores it in these bytes.
    if partial and image not in (None, file) and content[16:24] != image.read()[16:24]:
        raise UserError(
            f'{file.source} has another size than its image, {image.source}: check which belong '
            'together.'
        )
    with atomic_path(out / file.path) as temporary:
        temporary.write_bytes(content)


def _check_content(file: LoveDAFile, content: bytes, partial: bool) -> None:
    data = np.frombuffer(content, np.uint8)
    # OpenCV raises an error of its own for an empty file.
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise UserError(f'{file.source} is not a complete PNG: download it again.')
    is_mask = file.folder == _MASKS
    sides = image.shape[:2] if partial else (SIDE, SIDE)
    expected = sides if is_mask else (*sides, 3)
    if image.shape != expected or image.dtype != np.uint8:
        raise UserError(
            f'{file.source} is {"×".join(map(str, image.shape))} of {image.dtype}: '
            f'{"a mask" if is_mask else "an image"} of LoveDA is {"×".join(map(str, expected))} of '
            f'uint8{"" if partial else " (--partial accepts other sizes)"}.'
        )
    if is_mask and image.max() >= CODES:
        raise UserError(
            f'{file.source} has the code {image.max()}: LoveDA has 0 for no data and 1 to 7.'
        )


def _stems(out: str | os.PathLike, part: Part) -> list[set[str]]:
    """Return the stems of the images and of the masks of a part."""
    folders = (Path(out, *part, folder) for folder in (_IMAGES, _MASKS))
    return [{path.stem for path in folder.glob('[!.]*.png')} for folder in folders]


def _some(names: set[str]) -> str:
    """Return the number of names, and the first of them in brackets."""
    return f'{len(names):,} ({few(sorted(names, key=lambda name: (len(name), name)))})'
