"""Pair image, label and depth files by their stem; report missing, extra and mismatched files."""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import escape, glob
from itertools import combinations

from depthda.depth.maps import DEPTH_SUFFIXES, read_depth
from depthda.errors import UserError, few, many
from depthda.io.files import walk
from depthda.io.headers import IMAGE_SUFFIXES, Header, misnamed, read_headers

_FIXES = {
    'label': 'add an index mask with the same stem for each image, or use the dataset without '
    'labels (command line: omit --labels; config: labels=False)',
    'depth map': 'add a 16-bit PNG or a GeoTIFF with the same stem for each image (depthda depth '
    'makes them), or use the dataset without depth (command line: omit --depth; config: '
    'depth=None, or depth_path=None in data_prefix)',
}

_SUFFIX_OPTIONS = {
    'label': 'command line: --label-suffix; config: seg_map_suffix',
    'depth map': 'command line: --depth-suffix; config: depth_suffix',
}

# Accepted numbers of bands. Many tools write depth maps as grey PNGs with three equal bands.
_BANDS = {'label': (1,), 'depth map': (1, 3)}


@dataclass(frozen=True)
class Source:
    """A folder of one kind of file. If ``suffix`` is None, all suffixes of that kind are accepted.

    A suffix that begins with ``/`` is a complete file name (``/dsm.tif``, one folder per scene).
    """

    kind: str
    folder: str
    suffix: str | None = None

    def files(self, others: Iterable[str] = ()) -> dict[str, str]:
        """Return the paths of all files in the folder and its subfolders, by stem.

        The stem includes the subfolder (``north/12``). Files that end with a suffix in ``others``
        are of another kind and are left out.
        """
        if not os.path.isdir(self.folder):
            fix = f': {_FIXES[self.kind]}' if self.kind in _FIXES else ''
            fault = 'is a file' if os.path.isfile(self.folder) else 'does not exist'
            if os.path.islink(self.folder) and not os.path.exists(self.folder):
                fault = 'is a broken link'
            raise UserError(f'the {self.kind} folder {self.folder} {fault}{fix}')
        usual = DEPTH_SUFFIXES if self.kind == 'depth map' else IMAGE_SUFFIXES
        suffixes = usual if self.suffix is None else (self.suffix.lower(),)
        excluded = tuple(suffix.lower() for suffix in others)
        paths: dict[str, str] = {}
        for folder, _, names in walk(self.folder):
            for name in names:
                end = f'/{name}'.lower()
                suffix = next(filter(end.endswith, suffixes), None)
                # Skip hidden files of the operating system, which macOS also puts into zips.
                if suffix is None or name.startswith('.') or end.endswith(excluded):
                    continue
                path = os.path.join(folder, name)
                stem = f'/{os.path.relpath(path, self.folder)}'[: -len(suffix)].strip('/')
                # In file names, macOS writes ü as two characters, other systems as one.
                stem = unicodedata.normalize('NFC', stem)
                if stem in paths:
                    raise UserError(
                        f'{paths[stem]} and {path} have the same stem: remove one of them'
                    )
                paths[stem] = path
        return paths


def pair_by_stem(
    image: Source,
    label: Source | None = None,
    depth: Source | None = None,
    only: Collection[str] | None = None,
    check: str = 'full',
    image_fault: Callable[[Header], tuple[str, str] | None] = lambda header: None,
) -> list[dict[str, str]]:
    """Return samples ``{'image': path, 'label': path, 'depth map': path}``, sorted by stem.

    Labels and depth maps that are missing, extra, unreadable or of another size raise a
    ``UserError``.

    Args:
        only: Stems to use; labels and depth maps of other images are ignored. None uses all.
        check: ``'full'`` also reads every header (size, bands); ``'names'`` only compares names.
        image_fault: Function that gets the header of an image and returns what is wrong with the
            image and how to fix it, or None.
    """
    if check not in ('full', 'names'):
        raise UserError(f"check={check!r} of the dataset is unknown: use 'full' or 'names'")
    sources = [source for source in (image, label, depth) if source is not None]
    for first, second in combinations(sources, 2):
        folders = {os.path.realpath(source.folder) for source in (first, second)}
        if len(folders) == 1 and first.suffix == second.suffix:
            raise UserError(
                f'{first.folder} is used for both {first.kind}s and {second.kind}s: use a separate '
                'folder or suffix for each'
            )
    images = image.files(_other_suffixes(image, sources))
    if not images:
        suffixes = image.suffix or ', '.join(IMAGE_SUFFIXES)
        raise UserError(f'the image folder {image.folder} contains no images ({suffixes})')
    if only is not None:
        only = {unicodedata.normalize('NFC', stem) for stem in only}
    if absent := sorted((only or set()) - set(images)):
        fix = 'correct the list or add the files'
        if all(os.path.splitext(stem)[0] in images for stem in absent):
            fix = f'write the names without {os.path.splitext(absent[0])[1]}'
        raise UserError(
            f'the list contains {many(len(absent), "name")} without an image in {image.folder} '
            f'({_few(absent)}): {fix}'
        )
    stems = sorted(images if only is None else only)
    samples = [{'image': images[stem]} for stem in stems]
    for source in sources[1:]:
        files = source.files(_other_suffixes(source, sources))
        _compare_names(image, source, images, files, stems)
        for sample, stem in zip(samples, stems, strict=True):
            sample[source.kind] = files[stem]
    if check == 'full':
        _compare_headers(image, samples, sources[1:], image_fault)
    return samples


def _other_suffixes(source: Source, sources: Iterable[Source]) -> list[str]:
    """Return the longer suffixes of other kinds of file in the same folder.

    Without them, ``t0_mask.png`` would be taken for an image if images end with ``.png``.
    """
    folder, length = os.path.realpath(source.folder), len(source.suffix or '')
    return [
        other.suffix
        for other in sources
        if os.path.realpath(other.folder) == folder and len(other.suffix or '') > length
    ]


def _compare_names(
    image: Source, source: Source, images: dict, files: dict, stems: Sequence[str]
) -> None:
    missing = [stem for stem in stems if stem not in files]
    extra = [files[stem] for stem in sorted(set(files) - set(images))]
    if missing:
        verb = 'has' if len(missing) == 1 else 'have'
        hint = _other_format(source, missing[0])
        if extra:
            number = many(len(extra), source.kind)
            hint = f'; that folder also contains {number} without an image ({_few(extra)})'
        raise UserError(
            f'{len(missing)} of {many(len(stems), "image")} in {image.folder} {verb} no '
            f'{source.kind} in {source.folder} ({_few(images[stem] for stem in missing)}){hint}: '
            f'{_FIXES[source.kind]}'
        )
    if extra:
        raise UserError(
            f'{source.folder} contains {many(len(extra), source.kind)} without an image in '
            f'{image.folder} ({_few(extra)}): remove them or add the images'
        )


def _other_format(source: Source, stem: str) -> str:
    """Return a clause for the message if the file of ``stem`` exists with another suffix."""
    candidates = sorted(glob(f'{escape(os.path.join(source.folder, stem))}.*'))
    if not candidates:
        return ''
    name = os.path.basename(candidates[0])
    if source.suffix is not None:
        return (
            f'; that folder contains {name}, but only names that end with '
            f'{source.suffix} are used ({_SUFFIX_OPTIONS[source.kind]})'
        )
    formats = 'PNG and TIFF' if source.kind == 'depth map' else 'PNG, JPEG and TIFF'
    return f'; that folder contains {name}, but only {formats} are read'


def _compare_headers(
    image: Source,
    samples: list[dict],
    others: list[Source],
    image_fault: Callable[[Header], tuple[str, str] | None],
) -> None:
    headers: dict[str, Mapping[str, Header]] = {}
    for source in (image, *others):
        paths = [sample[source.kind] for sample in samples]
        by_path = headers[source.kind] = dict(zip(paths, read_headers(paths), strict=True))
        unreadable = [path for path, header in by_path.items() if header is None]
        fault = 'that cannot be read (empty, truncated or in another format)'
        _refuse(source, map(_with_format, unreadable), fault, 'create or download them again')
        bands = _BANDS.get(source.kind)
        multiband = [p for p, header in by_path.items() if bands and header.bands not in bands]
        fix = 'save them as single-band files (labels as class indices)'
        _refuse(source, multiband, 'with several bands', fix)
    faults: dict[tuple[str, str], list[str]] = {}
    for path, header in headers['image'].items():
        if fault := image_fault(header):
            faults.setdefault(fault, []).append(path)
    for (fault, fix), paths in faults.items():
        _refuse(image, paths, fault, fix)
    for source in others:
        by_path = headers[source.kind]
        unequal = [
            f'{path}: {header.width}×{header.height}, image {size.width}×{size.height}'
            for (path, header), size in zip(by_path.items(), headers['image'].values(), strict=True)
            if header[:2] != size[:2]
        ]
        _refuse(source, unequal, 'of another size than the image', 'resample them to its grid')
        if source.kind == 'label':
            wide = [path for path, header in by_path.items() if header.dtype != 'uint8']
            fix = 'save class indices as 8-bit PNG (depthda prepare-dataset folder does this)'
            _refuse(source, wide, 'with more than 8 bits, which would be reduced to 8', fix)
        else:
            # read_depth refuses colour-mapped depth. All maps of a folder are written in the same
            # way, so it is enough to decode one.
            read_depth(samples[0][source.kind])


def _with_format(path: str) -> str:
    """Return the path of an unreadable file, with its format if that does not match its name."""
    fault = misnamed(path)
    return path if fault is None else f'{path} is {fault}'


def _refuse(source: Source, names: Iterable[str], fault: str, fix: str) -> None:
    if names := list(names):
        number = many(len(names), source.kind)
        raise UserError(f'{source.folder} contains {number} {fault} ({_few(names)}): {fix}')


def _few(names: Iterable[str]) -> str:
    return few(map(os.path.basename, names))
