"""Image, label and depth files paired by stem, and every fault of the pairing named."""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from depthda.datasets.headers import IMAGE_SUFFIXES, Header, read_headers
from depthda.depth.storage import DEPTH_SUFFIXES, read_depth
from depthda.errors import UserError

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

    def files(self) -> dict[str, str]:
        """Paths by stem (with the sub-folder, without the suffix), sub-folders included."""
        if not os.path.isdir(self.folder):
            mend = f': {_MENDS[self.kind]}' if self.kind in _MENDS else ''
            state = 'is a file' if os.path.isfile(self.folder) else 'does not exist'
            raise UserError(f'the {self.kind} folder {self.folder} {state}{mend}')
        known = DEPTH_SUFFIXES if self.kind == 'depth map' else IMAGE_SUFFIXES
        suffixes = known if self.suffix is None else (self.suffix,)
        found: dict[str, str] = {}
        for folder, _, names in os.walk(self.folder, followlinks=True):
            for name in names:
                # Hidden files are an operating system's own (macOS zips are full of them).
                suffix = next((s for s in suffixes if f'/{name}'.lower().endswith(s.lower())), None)
                if suffix is None or name.startswith('.'):
                    continue
                path = os.path.join(folder, name)
                stem = f'/{os.path.relpath(path, self.folder)}'[: -len(suffix)].strip('/')
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
) -> list[dict[str, str]]:
    """Samples ``{'image': path, 'label': path, 'depth map': path}``, sorted by stem.

    A missing, extra, unreadable or differently sized label or depth map is a ``UserError``.

    Args:
        only: Take these stems alone; files of the other images are then not "extra".
        check: 'full' also reads every header (size, bands); 'names' compares the names alone.
    """
    if check not in ('full', 'names'):
        raise UserError(f"check={check!r} of the dataset is unknown: use 'full' or 'names'")
    images = image.files()
    if not images:
        wanted = image.suffix or ', '.join(IMAGE_SUFFIXES)
        raise UserError(f'the image folder {image.folder} holds no image ({wanted})')
    if absent := sorted(set(only or ()) - set(images)):
        raise UserError(
            f'{len(absent)} listed images are not in {image.folder} ({_few(absent)}): '
            'mend the list or add the files'
        )
    stems = sorted(images if only is None else set(only))
    samples = [{'image': images[stem]} for stem in stems]
    for source in (label, depth):
        if source is not None:
            files = source.files()
            _compare_names(image, source, images, files, stems)
            for sample, stem in zip(samples, stems, strict=True):
                sample[source.kind] = files[stem]
    if check == 'full':
        _compare_headers(image, samples, [s for s in (label, depth) if s is not None])
    return samples


def _compare_names(
    image: Source, source: Source, images: dict, files: dict, stems: Sequence[str]
) -> None:
    missing = [images[stem] for stem in stems if stem not in files]
    extra = [files[stem] for stem in sorted(set(files) - set(images))]
    others = f'{len(extra)} {source.kind}s there belong to no image ({_few(extra)})'
    if missing:
        raise UserError(
            f'{len(missing)} of {len(stems)} images in {image.folder} have no {source.kind} in '
            f'{source.folder} ({_few(missing)}){f", and {others}" if extra else ""}: '
            f'{_MENDS[source.kind]}'
        )
    if extra:
        raise UserError(
            f'{len(extra)} extra {source.kind}s in {source.folder} belong to no image in '
            f'{image.folder} ({_few(extra)}): remove them or add their images'
        )


def _compare_headers(image: Source, samples: list[dict], sources: list[Source]) -> None:
    headers = {
        source.kind: read_headers(s[source.kind] for s in samples) for source in (image, *sources)
    }
    for source in (image, *sources):
        mine = headers[source.kind]
        _refuse(
            source,
            [s[source.kind] for s, h in zip(samples, mine, strict=True) if h is None],
            'cannot be read (empty, broken off or of another format)',
            'write or download them again',
        )
        _refuse(
            source,
            [s[source.kind] for s, h in zip(samples, mine, strict=True) if _odd_bands(source, h)],
            'have several bands',
            'save them as single-band files (labels as class indices)',
        )
    for source in sources:
        unequal = [
            f'{_name(s[source.kind])}: {mine.width}×{mine.height}, image '
            f'{theirs.width}×{theirs.height}'
            for s, mine, theirs in zip(samples, headers[source.kind], headers['image'], strict=True)
            if mine[:2] != theirs[:2]
        ]
        _refuse(source, unequal, 'have another size than their image', 'bring them to its grid')
        if source.kind == 'depth map':
            # Colour-mapped maps come whole folders at a time: decoding one finds them.
            read_depth(samples[0][source.kind])


def _odd_bands(source: Source, header: Header) -> bool:
    # A grey PNG saved with three equal bands is a depth map that many tools write.
    allowed = {'image': range(1, 1 << 16), 'label': (1,), 'depth map': (1, 3)}[source.kind]
    return header.bands not in allowed


def _refuse(source: Source, names: list[str], fault: str, mend: str) -> None:
    if names:
        raise UserError(
            f'{len(names)} {source.kind}s in {source.folder} {fault} ({_few(names)}): {mend}'
        )


def _few(names: Iterable[str]) -> str:
    names = [_name(name) for name in names]
    return ', '.join(names[:3]) + (', …' if len(names) > 3 else '')


def _name(path: str) -> str:
    return os.path.basename(path)
