"""Find images that the loader of a pipeline would alter silently, and name damaged files.

The wrong loader drops bands, or cuts values to 8 bits, without an error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import mmcv.transforms as mmcv_transforms

from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.datasets.transforms.load_multiband_image import LoadMultibandImage
from depthda.errors import UserError, many
from depthda.io.headers import Header

Fault = tuple[str, str]  # (what is wrong, how to fix it)


def image_check(transforms: Iterable[Callable]) -> Callable[[Header], Fault | None]:
    """Return a function that checks image headers against the loader of a pipeline.

    If the loader is unknown, every image passes.
    """
    steps = list(transforms)
    loaders = (mmcv_transforms.LoadImageFromFile, LoadMultibandImage)
    loader = next((step for step in steps if isinstance(step, loaders)), None)
    depth = next((step for step in steps if isinstance(step, LoadDepth)), None)
    if isinstance(loader, LoadMultibandImage) and depth is not None:
        return lambda header: _unexpected_bands(header, depth.optical_bands)
    if isinstance(loader, mmcv_transforms.LoadImageFromFile) and loader.color_type == 'color':
        return _altered
    return lambda header: None


@contextmanager
def named_if_damaged(sample: Mapping) -> Iterator[None]:
    """Turn the error of a loader of mmcv or mmseg into a ``UserError`` with the damaged file."""
    try:
        yield
    except AssertionError as error:
        if not str(error).startswith('failed to load image'):
            raise
        raise _damaged(sample['img_path']) from error
    except OSError as error:
        # Pillow's own errors have no errno, and only labels are read with Pillow.
        if error.errno is not None or not sample.get('seg_map_path'):
            raise
        raise _damaged(sample['seg_map_path']) from error


def _damaged(path: str) -> UserError:
    return UserError(f'{path} is damaged and cannot be decoded: create or download it again')


def _unexpected_bands(header: Header, expected: int) -> Fault | None:
    if header.bands == expected:
        return None
    return (
        f'with {many(header.bands, "band")}, but the config expects {expected}',
        f'set optical_bands={header.bands} in each LoadDepth of the config and in the model '
        '(docs/your-data.md), or prepare the images again with different --bands',
    )


def _altered(header: Header) -> Fault | None:
    if header.bands not in (1, 3):
        return (
            f'with {many(header.bands, "band")}, which LoadImageFromFile would convert to three',
            'prepare the dataset with depthda prepare-dataset folder --bands 1 2 3, or read '
            f'all bands with LoadMultibandImage and LoadDepth(optical_bands={header.bands}) '
            '(docs/your-data.md)',
        )
    if header.dtype != 'uint8':
        return (
            f'of type {header.dtype}, which LoadImageFromFile would reduce to 8 bits',
            'prepare the dataset with depthda prepare-dataset folder --stretch LOW HIGH, or read '
            'the images with LoadMultibandImage (docs/your-data.md)',
        )
    return None
