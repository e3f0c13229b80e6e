"""Turn LoveDA as downloaded into the folder tree that training reads, and check every file."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from depthda.errors import UserError, check_count, few, many
from depthda.io.archives import open_archive, read_member
from depthda.io.files import atomic_path, remove_strays
from depthda.io.headers import is_complete
from depthda.io.lock import own_folder
from depthda.io.manifest import NAME, UNFINISHED
from depthda.io.rasters import decode_png
from depthda.io.sources import SourceFile, list_files
from depthda.provenance import TRANSLATION

Subset = tuple[str, str]  # split, domain
Files = dict[Path, SourceFile]  # by path in the tree, such as Train/Urban/images_png/1366.png

# First and last file number of each split and domain, in the numbering of the dataset's authors.
NUMBERS: dict[Subset, tuple[int, int]] = {
    ('Train', 'Rural'): (0, 1365),
    ('Train', 'Urban'): (1366, 2521),
    ('Val', 'Rural'): (2522, 3513),
    ('Val', 'Urban'): (3514, 4190),
    ('Test', 'Rural'): (4191, 5166),
    ('Test', 'Urban'): (5167, 5986),
}
SIDE = 1024
CODES = 8  # number of label codes: 0 is no-data, 1 to 7 are the classes
_IMAGES, _MASKS = 'images_png', 'masks_png'
_OFFICIAL = re.compile(rf'(?:^|/)(Train|Val|Test)/(Urban|Rural)/({_IMAGES}|{_MASKS})/([^/]+\.png)$')
# The tree of mmseg's converter, which merges the domains but keeps the file numbers.
_MERGED = re.compile(r'(?:^|/)(img|ann)_dir/(?:train/|val/|test/)?((\d+)\.png)$')
# Files that the other preparations, the synthetic world and translations write next to their tiles.
_MARKERS_OF_OTHERS = (NAME, UNFINISHED, 'world.json', TRANSLATION)


def prepare_loveda(
    sources: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    partial: bool = False,
    workers: int = 4,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Write the LoveDA files from zips and folders to ``out``; return what is still missing there.

    Every file is checked before it is written. Images must have 1024² pixels and three bands; label
    maps must have the same size and the codes 0 to 7. A file that exists with the right size is
    kept, so an interrupted run continues where it stopped. Domains that a converter has merged are
    separated again by the file numbers.

    Args:
        sources: Zips, folders of zips, or folders that contain the unpacked tree (or mmseg's) at
            any depth.
        partial: Accept files of other sizes, and a dataset that is not complete.
        workers: Number of threads that decode and write.
    """
    out = Path(out)
    check_count('--workers', workers)
    # Every archive is checked before the first byte is written.
    files = _find_files(sources)
    _check_target(files, out)
    with own_folder(out), ExitStack() as opened, ThreadPoolExecutor(workers) as pool:
        for folder in {(out / path).parent for path in files}:
            remove_strays(folder)
        zips = {file.zip for file in files.values() if file.zip is not None}
        archives = {path: opened.enter_context(open_archive(path))[0] for path in zips}

        def read(file: SourceFile) -> bytes:
            if file.zip is None:
                return Path(file).read_bytes()
            return read_member(archives[file.zip], file.member)

        number = 0
        try:
            done = pool.map(lambda path: _write(path, files, out, partial, read), files)
            for number, _ in enumerate(done, 1):
                progress(number, len(files))
        except UserError as error:
            if not number:
                raise
            raise UserError(
                f'{error} {out} keeps the files written so far: if you correct a source file, '
                'remove its copy there, then run the same command to continue.'
            ) from error
    return missing(out)


def missing(out: Path) -> list[str]:
    """Describe, per split and domain, images that ``out`` lacks and images without a label map."""
    numbers = {part: {*map(str, range(low, high + 1))} for part, (low, high) in NUMBERS.items()}

    def faults(subset: Subset) -> Iterator[str]:
        images, masks = _stems(out, subset)
        if not images:
            yield f'all images missing ({len(numbers[subset]):,})'
        elif absent := numbers[subset] - images:
            yield f'{len(absent):,} of {len(numbers[subset]):,} images missing ({_few(absent)})'
        for other in numbers:
            if other != subset and (misplaced := images & numbers[other]):
                count, target = many(len(misplaced), 'image'), '/'.join(other)
                yield f'{count} with numbers of {target} ({_few(misplaced)}): move to {target}'
        if subset[0] != 'Test' and (absent := images - masks):
            yield f'{len(absent):,} of {len(images):,} images without a label map ({_few(absent)})'

    return [f'{"/".join(subset)}: {fault}' for subset in numbers for fault in faults(subset)]


def counts(out: str | os.PathLike) -> dict[Subset, tuple[int, int, int]]:
    """Return three numbers per split and domain: images, label maps, and all images of LoveDA.

    The first two count the files in ``out``.
    """
    return {
        subset: (*map(len, _stems(out, subset)), last - first + 1)
        for subset, (first, last) in NUMBERS.items()
    }


def _find_files(sources: Sequence[str | os.PathLike]) -> Files:
    """Find the files of LoveDA; in each source, unpacked files are preferred to those in zips."""
    files: Files = {}
    for source in sources:
        pairs = [(path, file) for file in list_files([source]) if (path := _path_in_tree(file))]
        if not pairs:
            raise UserError(
                f'{source} contains no LoveDA files: expected {{Train,Val,Test}}/{{Urban,Rural}}'
                '/{images_png,masks_png}/*.png, or the folders img_dir and ann_dir of mmseg.'
            )
        for path, file in [pair for pair in pairs if pair[1].zip is None] or pairs:
            if other := files.get(path):
                raise UserError(f'{path} is in both {other} and {file}: pass only one of them.')
            files[path] = file
    return files


def _path_in_tree(file: SourceFile) -> Path | None:
    """Return the path of a file in the tree; None for a file that does not belong to LoveDA."""
    # The complete path is searched, because the source itself may be Train or images_png.
    path = file.member.replace('\\', '/') if file.zip else Path(file).resolve().as_posix()
    if match := _OFFICIAL.search(path):
        return Path(*match.groups())
    if match := _MERGED.search(path):
        kind, name, number = match.groups()
        for subset, (first, last) in NUMBERS.items():
            if first <= int(number) <= last:
                return Path(*subset, _IMAGES if kind == 'img' else _MASKS, name)
    return None


def _is_written(path: Path, file: SourceFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _check_target(files: Files, out: Path) -> None:
    """Refuse ``out`` if it has another dataset, different complete files, or too little space.

    Incomplete files in ``out`` are no reason to refuse it: they are written again.
    """
    if markers := [name for name in _MARKERS_OF_OTHERS if (out / name).exists()]:
        raise UserError(
            f'{out} already contains another dataset ({markers[0]}): choose another folder'
        )
    absent = {path: file for path, file in files.items() if not _is_written(out / path, file)}
    if others := [path for path in absent if (out / path).is_file() and is_complete(out / path)]:
        raise UserError(
            f'{out} already contains {many(len(others), "different file")} with the same name '
            f'({few(map(str, others))}): choose another folder, or remove these files and the '
            'depth maps made from them'
        )
    needed = sum(file.size for file in absent.values())
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if needed > (free := shutil.disk_usage(existing).free):
        raise UserError(
            f'{out} needs another {needed / 1e9:.1f} GB, but its disk has only {free / 1e9:.1f} GB '
            'free: make room, or choose another folder.'
        )


def _write(path: Path, files: Files, out: Path, partial: bool, read: Callable) -> None:
    """Check a file and write it, unless it has been written before."""
    file, image = files[path], files.get(path.parents[1] / _IMAGES / path.name)
    if _is_written(out / path, file):
        return
    content = read(file)
    if (pixels := decode_png(content)) is None:
        raise UserError(f'{file} is not a complete PNG: download it again.')
    is_mask = path.parent.name == _MASKS
    sides = pixels.shape[:2] if partial else (SIDE, SIDE)
    expected = sides if is_mask else (*sides, 3)
    if pixels.shape != expected or pixels.dtype != np.uint8:
        raise UserError(
            f'{file} is {"×".join(map(str, pixels.shape))} of type {pixels.dtype}, but a LoveDA '
            f'{"label map" if is_mask else "image"} is {"×".join(map(str, expected))} of type uint8'
            f'{"" if partial else " (--partial accepts other sizes)"}.'
        )
    if is_mask and pixels.max() >= CODES:
        raise UserError(
            f'{file} has the label code {pixels.max()}, but LoveDA uses 0 (no-data) and 1 to 7.'
        )
    # Bytes 16 to 23 of a PNG are its size. Without ``partial``, all files have the same size.
    if partial and image not in (None, file) and content[16:24] != read(image)[16:24]:
        raise UserError(
            f'{file} differs in size from its image, {image}: check that the two belong together.'
        )
    with atomic_path(out / path) as temporary:
        temporary.write_bytes(content)


def _stems(out: str | os.PathLike, subset: Subset) -> list[set[str]]:
    """Return the stems of the images and of the label maps of a split and domain."""
    folders = (Path(out, *subset, folder) for folder in (_IMAGES, _MASKS))
    return [{path.stem for path in folder.glob('[!.]*.png')} for folder in folders]


def _few(names: set[str]) -> str:
    """Return the first names in numerical order as text."""
    return few(sorted(names, key=lambda name: (len(name), name)))
