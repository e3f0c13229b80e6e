"""Index maps that other code has predicted: find them by name, check and read them."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from depthda.errors import UserError, first_names
from depthda.evaluation.label_png import value_fix
from depthda.io.rasters import open_raster

_SUFFIXES = ('.png', '.tif', '.tiff')


def find_predictions(folder: str | Path, images: Sequence[str]) -> list[Path]:
    """Return the file of each image, by its stem. A ``UserError`` names what does not match."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f'--predictions {folder} is not a folder: pass the folder of index maps.')
    present, files = sorted(folder.iterdir()), {}
    for path in present:
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith('.'):
            if (other := files.setdefault(path.stem, path)) != path:
                pair = f'{other} and {path}'
                raise UserError(f'{pair} are predictions of the same image: keep one of them.')
    stems: dict[str, str] = {}
    for image in images:
        if (other := stems.setdefault(Path(image).stem, image)) != image:
            raise UserError(
                f'{other} and {image} have the same name, so their predictions cannot be told '
                'apart: score one domain or split at a time.'
            )
    missing = [f'{stem}.png' for stem in stems if stem not in files]
    others = [path.name for path in present if f'{path.stem}.png' in missing]
    if others:
        raise UserError(
            f'{folder} contains {first_names(others)} instead of index maps: write .png or .tif '
            'files (JPEG changes the values).'
        )
    extra = [path.name for stem, path in files.items() if stem not in stems]
    if missing or extra:
        parts = [f'{len(missing)} missing ({first_names(missing)})'] if missing else []
        parts += [f'{len(extra)} without a test image ({first_names(extra)})'] if extra else []
        raise UserError(
            f'the predictions in {folder} do not match the {len(stems)} test images of this '
            f'config: {" and ".join(parts)}; name each prediction after its image.'
        )
    return [files[stem] for stem in stems]


def check_predictions(
    paths: Sequence[Path],
    sizes: Sequence[tuple[int, int]],
    classes: Sequence[str],
    progress: Callable[[list], Iterable] = iter,
) -> tuple[int, str]:
    """Read every map once, and refuse files with values that are not class indices from 0.

    ``sizes`` are the (width, height) of the images. ``progress`` wraps the list of files, for a
    progress bar. Return the lowest index in all maps, and the first 12 digits of the SHA-256 of
    names and contents.
    """
    faults, outside = defaultdict(list), {}
    digest, lowest = hashlib.sha256(), len(classes)
    for path, (width, height) in progress(list(zip(paths, sizes, strict=True))):
        try:
            labels = read_prediction(path)
        except UserError as error:
            faults[str(error)].append(path.name)
            continue
        if labels.shape != (height, width):
            size = f'{labels.shape[1]}×{labels.shape[0]}'
            faults[f'{size} pixels instead of {width}×{height}'].append(path.name)
            continue
        low, high = int(labels.min()), int(labels.max())
        lowest = min(lowest, low)
        if low < 0 or high >= len(classes):
            outside[path.name] = high if low >= 0 else low
        digest.update(path.name.encode() + path.read_bytes())
    for reason, names in faults.items():
        raise UserError(f'{paths[0].parent}: {first_names(names)} cannot be scored: {reason}.')
    if outside:
        value = max(outside.values(), key=abs)
        raise UserError(
            f'{paths[0].parent}: the value {value} in {first_names(outside)} is not a class '
            f'(0…{len(classes) - 1}); {value_fix(value, len(classes), classes[0])}.'
        )
    return lowest, digest.hexdigest()[:12]


def read_prediction(path: Path) -> np.ndarray:
    """Read the indices ``[H, W]`` of a greyscale or palette PNG, or of a TIFF."""
    with open_raster(path) as file:
        # GDAL ignores the suffix, so a JPEG named .png would be scored, with altered values.
        if file.driver not in ('PNG', 'GTiff'):
            fix = 'write class indices as PNG or TIFF'
            raise UserError(f'{file.driver} file with the suffix {path.suffix}; {fix}')
        if file.count != 1:
            fix = 'write the 2-D array of class indices, not a coloured image of it'
            raise UserError(f'{file.count} bands; {fix}')
        labels = file.read(1)
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f'values of type {labels.dtype}; write class indices as 8-bit integers')
    return labels
