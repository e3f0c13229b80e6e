"""Image, label and depth files paired by stem, and every fault of the pairing named."""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from glob import escape, glob
from itertools import combinations

from depthda.depth.maps import DEPTH_SUFFIXES, read_depth
from depthda.errors import UserError, few, many
from depthda.io.files import walk
from depthda.io.headers import IMAGE_SUFFIXES, Header, misnamed, read_headers

_MENDS = {
    'label': 'add an index mask of the same stem for each, or take the set without labels (a tool: '
    'leave --labels out; a config: labels=False, of RGBDSegDataset seg_map_path=None)',
    'depth map': 'add a 16-bit PNG or a GeoTIFF of the same stem for each (tools/estimate_depth.py '
    'makes them), or take the set without depth (a tool: leave --depth out; a config: depth=None, '
    'of RGBDSegDataset depth_path=None)',
}


@dataclass(frozen=True)
class Source:
    """A folder of one kind of file; ``suffix`` None takes every suffix that the kind may have.

    A suffix that begins with ``/`` is a whole file name (``/dsm.tif`` of a folder a scene).
    """

    kind: str
    folder: str
    suffix: str | None = None

    def files(self, others: Iterable[str] = ()) -> dict[str, str]:
        """Paths by stem (with the sub-folder, without the suffix), sub-folders included.

        Files that end with a suffix in ``others`` are left out: they are of another kind.
        """
        if not os.path.isdir(self.folder):
            mend = f': {_MENDS[self.kind]}' if self.kind in _MENDS else ''
            state = 'is a file' if os.path.isfile(self.folder) else 'does not exist'
            if os.path.islink(self.folder) and not os.path.exists(self.folder):
                state = 'is a link that leads nowhere or to itself'
            raise UserError(f'the {self.kind} folder {self.folder} {state}{mend}')
        known = DEPTH_SUFFIXES if self.kind == 'depth map' else IMAGE_SUFFIXES
        suffixes = known if self.suffix is None else (self.suffix,)
        foreign = tuple(suffix.lower() for suffix in others)
        found: dict[str, str] = {}
        for folder, _, names in walk(self.folder):
            for name in names:
                # Hidden files are an operating system's own (macOS zips are full of them).
                suffix = next((s for s in suffixes if f'/{name}'.lower().endswith(s.lower())), None)
                if suffix is None or name.startswith('.') or f'/{name}'.lower().endswith(foreign):
                    continue
                path = os.path.join(folder, name)
                stem = f'/{os.path.relpath(path, self.folder)}'[: -len(suffix)].strip('/')
                # macOS writes ü as two characters, others as one.
                stem = unicodedata.normalize('NFC', stem)
                if stem in found:
                    raise UserError(
                        f'{found[stem]} and {path} have the same stem: remove one of them'
                    )
                found[stem] = path
        return found


def pair_by_stem(
    image: Source,
    label: Source | None = None,
    depth: Source | None = None,
    only: Collection[str] | None = None,
    check: str = 'full',
    image_fault: Callable[[Header], tuple[str, str] | None] = lambda header: None,
) -> list[dict[str, str]]:
    """Samples ``{'image': path, 'label': path, 'depth map': path}``, sorted by stem.

    A missing, extra, unreadable or differently sized label or depth map is a ``UserError``.

    Args:
        only: Take these stems alone; files of the other images are then not "extra".
        check: 'full' also reads every header (size, bands); 'names' compares the names alone.
        image_fault: What is wrong with an image of this header, and what to do.
    """
    if check not in ('full', 'names'):
        raise UserError(f"check={check!r} of the dataset is unknown: use 'full' or 'names'")
    sources = [source for source in (image, label, depth) if source is not None]
    for one, other in combinations(sources, 2):
        if os.path.realpath(one.folder) == os.path.realpath(other.folder) and (
            one.suffix == other.suffix
        ):
            raise UserError(
                f'{one.folder} is the folder of every {one.kind} and of every {other.kind}: give '
                'each kind a folder or a suffix of its own'
            )
    images = image.files(_other_suffixes(image, sources))
    if not images:
        wanted = image.suffix or ', '.join(IMAGE_SUFFIXES)
        raise UserError(f'the image folder {image.folder} holds no image ({wanted})')
    if only is not None:
        only = {unicodedata.normalize('NFC', stem) for stem in only}
    if absent := sorted((only or set()) - set(images)):
        raise UserError(
            f'the list names {many(len(absent), "image")} that {image.folder} does not hold '
            f'({_few(absent)}): correct the list or add the files'
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
    """Longer suffixes of other kinds in the same folder: ``t0_mask.png`` is no image ``.png``."""
    place, length = os.path.realpath(source.folder), len(source.suffix or '')
    return [
        other.suffix
        for other in sources
        if os.path.realpath(other.folder) == place and len(other.suffix or '') > length
    ]


def _compare_names(
    image: Source, source: Source, images: dict, files: dict, stems: Sequence[str]
) -> None:
    missing = [images[stem] for stem in stems if stem not in files]
    extra = [files[stem] for stem in sorted(set(files) - set(images))]
    others = f'it holds {many(len(extra), source.kind)} without an image ({_few(extra)})'
    unread = _unread(source, [stem for stem in stems if stem not in files]) if not extra else ''
    if missing:
        verb = 'has' if len(missing) == 1 else 'have'
        raise UserError(
            f'{len(missing)} of {many(len(stems), "image")} in {image.folder} {verb} no '
            f'{source.kind} in {source.folder} ({_few(missing)})'
            f'{f", and {others}" if extra else unread}: '
            f'{_MENDS[source.kind]}'
        )
    if extra:
        raise UserError(
            f'{source.folder} holds {many(len(extra), source.kind)} without an image in '
            f'{image.folder} ({_few(extra)}): remove them or add the images'
        )


def _unread(source: Source, stems: Sequence[str]) -> str:
    """That a missing file is there in a format that is not read."""
    if source.suffix is None and stems:
        found = sorted(glob(f'{escape(os.path.join(source.folder, stems[0]))}.*'))
        if found:
            read = 'PNG and TIFF' if source.kind == 'depth map' else 'PNG, JPEG and TIFF'
            return f'; it holds {_name(found[0])}, and {read} are read'
    return ''


def _compare_headers(
    image: Source,
    samples: list[dict],
    sources: list[Source],
    image_fault: Callable[[Header], tuple[str, str] | None],
) -> None:
    headers = {
        source.kind: read_headers(s[source.kind] for s in samples) for source in (image, *sources)
    }
    for source in (image, *sources):
        mine = headers[source.kind]
        _refuse(
            source,
            [_as_found(s[source.kind]) for s, h in zip(samples, mine, strict=True) if h is None],
            'that cannot be read (empty, broken off or of another format)',
            'write or download them again',
        )
        _refuse(
            source,
            [s[source.kind] for s, h in zip(samples, mine, strict=True) if _odd_bands(source, h)],
            'with several bands',
            'save them as single-band files (labels as class indices)',
        )
    found: dict[tuple[str, str], list[str]] = {}
    for sample, header in zip(samples, headers['image'], strict=True):
        if fault := image_fault(header):
            found.setdefault(fault, []).append(sample['image'])
    for (fault, fix), paths in found.items():
        _refuse(image, paths, fault, fix)
    for source in sources:
        unequal = [
            f'{_name(s[source.kind])}: {mine.width}×{mine.height}, image '
            f'{theirs.width}×{theirs.height}'
            for s, mine, theirs in zip(samples, headers[source.kind], headers['image'], strict=True)
            if mine[:2] != theirs[:2]
        ]
        _refuse(source, unequal, 'of another size than the image', 'bring them to its grid')
        if source.kind == 'label':
            wide = [h.dtype != 'uint8' for h in headers['label']]
            _refuse(
                source,
                [s['label'] for s, is_wide in zip(samples, wide, strict=True) if is_wide],
                'of more than 8 bits, which would be cut to 8',
                'save class indices as 8-bit PNG (tools/prepare_dataset.py folder does it)',
            )
        if source.kind == 'depth map':
            # Colour-mapped maps come whole folders at a time: decoding one finds them.
            read_depth(samples[0][source.kind])


def _as_found(path: str) -> str:
    """The path of an unreadable file, with its format if the name says another."""
    fault = misnamed(path)
    return path if fault is None else f'{path} is {fault}'


def _odd_bands(source: Source, header: Header) -> bool:
    # A grey PNG saved with three equal bands is a depth map that many tools write.
    allowed = {'image': range(1, 1 << 16), 'label': (1,), 'depth map': (1, 3)}[source.kind]
    return header.bands not in allowed


def _refuse(source: Source, names: list[str], fault: str, fix: str) -> None:
    if names:
        raise UserError(
            f'{source.folder} holds {many(len(names), source.kind)} {fault} ({_few(names)}): {fix}'
        )


def _few(names: Iterable[str]) -> str:
    return few(map(_name, names))


def _name(path: str) -> str:
    return os.path.basename(path)
