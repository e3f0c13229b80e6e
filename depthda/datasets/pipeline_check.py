"""Refuse pipelines whose transforms would alter depth, or separate it from its image.

Depth is the last channel of ``img``. A transform is safe if it moves all channels alike and fills
with 0 ("no depth"). It is not safe if it computes with channel values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import mmcv.transforms as mmcv_transforms
import mmseg.datasets.transforms as mmseg_transforms
from mmengine.dataset import Compose
from mmseg.registry import TRANSFORMS

from depthda.datasets.transforms.aligned_rot_flip import AlignedRotFlip
from depthda.datasets.transforms.depth_jitter import DepthJitter
from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.errors import UserError


class _DatasetFacts(NamedTuple):
    """What the rules need to know about a dataset."""

    has_labels: bool
    has_depth: bool
    ignore_index: int  # value of the pixels without a label
    optical_bands: int
    channels: int  # of an image after LoadDepth: the optical bands and, if there is one, depth


Rule = Callable[[Any, _DatasetFacts], str | None]


def check_pipeline(
    transforms: Sequence[Callable],
    has_labels: bool = True,
    has_depth: bool = True,
    ignore_index: int = 255,
) -> None:
    """Raise a ``UserError`` that names the first unsafe transform and says how to fix it.

    The rules also apply to a dataset without depth if its pipeline has ``LoadDepth``, so that a
    config stays valid when depth is turned on.
    """
    leaves = list(_leaves(transforms))
    loader = next((t for t in leaves if isinstance(t, LoadDepth)), None)
    bands = loader.optical_bands if loader else 3
    info = _DatasetFacts(has_labels, has_depth, ignore_index, bands, bands + has_depth)
    loaded = False
    for transform in leaves:
        loaded = loaded or transform is loader
        if fault := _fault(transform, loaded, loader is not None, info):
            name = getattr(transform, '__name__', type(transform).__name__)
            raise UserError(f'{name} {fault}')


def is_random(step: dict) -> bool:
    """Return whether the transform with the config ``step`` changes an image at random.

    A flip with probability 0 or 1 is not random: test-time augmentation uses such flips, and flips
    the prediction back.
    """
    kind = str(step.get('type'))
    if kind == 'RandomFlip' and step.get('prob') in (0, 1):
        return False
    return kind.startswith('Random') or kind in _RANDOM


def _fault(transform: Callable, loaded: bool, has_loader: bool, info: _DatasetFacts) -> str | None:
    kind = type(transform)
    if kind in _LABEL_LOADERS and not info.has_labels:
        return (
            'cannot load labels, because this dataset has none: remove it from the pipeline (in '
            'the LoveDA configs, write pipeline={{_base_.unlabelled_pipeline}})'
        )
    if isinstance(transform, DepthJitter) and not loaded:
        return 'has no depth to alter: put it after LoadDepth'
    if not has_loader:
        return None
    if not loaded:
        if kind in _GEOMETRIC:
            return 'would separate the image from its depth: put it after LoadDepth'
        bands, is_file = info.optical_bands, kind is mmcv_transforms.LoadImageFromFile
        if is_file and (bands not in (1, 3) or (bands == 1 and transform.color_type == 'color')):
            return f'loads three bands, but optical_bands is {bands}: use LoadMultibandImage'
        return None
    if kind in _GEOMETRIC:
        return _GEOMETRIC[kind](transform, info)
    if kind in _HARMLESS or getattr(transform, 'keeps_depth', False):
        return None
    return f'would alter the depth channel: {_ALTERNATIVES.get(kind.__name__, _OTHERWISE)}'


def _leaves(transforms: Iterable[Callable]) -> Iterator[Callable]:
    """Iterate over the transforms in order, with those inside containers."""
    for transform in transforms:
        if isinstance(transform, mmcv_transforms.TestTimeAug):
            yield from _leaves(transform.subroutines)
        elif isinstance(transform, _CONTAINERS):
            inner = transform.transforms
            yield from _leaves(inner if isinstance(inner, (list, tuple)) else [inner])
        else:
            yield transform


def _resize(transform: Any, info: _DatasetFacts) -> str | None:
    if getattr(transform, 'backend', 'cv2') != 'cv2':
        return "cannot resize float images with Pillow: set backend='cv2'"
    interpolation = transform.interpolation or 'bilinear'
    if interpolation not in ('nearest', 'bilinear', 'area'):
        return f"overshoots the range of depth with {interpolation}: use 'bilinear'"
    if interpolation == 'area' and info.channels > 4:
        return f"cannot average {info.channels} channels: use 'bilinear'"
    return None


def _resize_inside(transform: Any, info: _DatasetFacts) -> str | None:
    return _fault(transform.resize, True, True, info)


def _fills(image_fill: Any, label_fill: Any, info: _DatasetFacts) -> str | None:
    # OpenCV accepts one fill value for each of up to four channels. Which of them fills depth
    # depends on the number of bands, so all of them must be 0.
    if any(image_fill) if isinstance(image_fill, Sequence) else image_fill:
        return f'fills the image with {image_fill}: fill with 0, which means "no depth"'
    if label_fill == info.ignore_index:
        return None
    text = f'fills labels with {label_fill}, which would count as a class'
    return f'{text}: fill with {info.ignore_index}, which is ignored'


def _pad(transform: Any, info: _DatasetFacts) -> str | None:
    image_fill = transform.pad_val.get('img', 0)
    if transform.padding_mode != 'constant':
        return None
    if info.channels > 4 and not isinstance(image_fill, float):
        return f'accepts {info.channels} channels only with pad_val=dict(img=0.0, seg=255)'
    return _fills(image_fill, transform.pad_val.get('seg', 255), info)


def _centre_crop(transform: Any, info: _DatasetFacts) -> str | None:
    if not transform.auto_pad:
        return None
    return _fault(TRANSFORMS.build(transform.pad_cfg | dict(size=(1, 1))), True, True, info)


def _cut_out(transform: Any, info: _DatasetFacts) -> str | None:
    fill = transform.fill_in
    if not isinstance(fill, Sequence):
        return f'fills depth with {fill}: set fill_in=0' if fill else None
    if len(fill) != info.channels:
        return f'fills {len(fill)} channels, but the image has {info.channels}: set fill_in=0'
    if info.has_depth and fill[-1] != 0:
        return f'fills depth with {fill[-1]}: end fill_in with 0, which means "no depth"'
    return None


def _rot_flip(transform: Any, info: _DatasetFacts) -> str | None:
    if transform.rotate_prob <= 0:
        return None
    return (
        'interpolates labels and fills their corners with class 0 when it rotates: use '
        'AlignedRotFlip, or rotate_prob=0'
    )


_MOVES = mmseg_transforms.RandomCrop, mmcv_transforms.RandomFlip, mmseg_transforms.RandomFlip
_GEOMETRIC: dict[type, Rule] = {
    **dict.fromkeys(_MOVES, lambda transform, info: None),
    mmcv_transforms.Resize: _resize,
    mmseg_transforms.Resize: _resize,
    mmseg_transforms.ResizeToMultiple: _resize,
    mmcv_transforms.RandomResize: _resize_inside,
    mmcv_transforms.RandomChoiceResize: _resize_inside,
    mmseg_transforms.ResizeShortestEdge: _resize_inside,
    mmcv_transforms.CenterCrop: _centre_crop,
    # mmseg's name of this attribute is misspelt.
    mmseg_transforms.RandomRotate: lambda t, info: _fills(t.pal_val, t.seg_pad_val, info),
    mmseg_transforms.RandomRotFlip: _rot_flip,
    AlignedRotFlip: lambda t, info: _fills(0, t.seg_pad_val, info),
    mmcv_transforms.Pad: _pad,
    mmseg_transforms.RandomCutOut: _cut_out,
    mmseg_transforms.RandomMosaic: lambda t, info: _fills(t.pad_val, t.seg_pad_val, info),
}
_LABEL_LOADERS = (mmcv_transforms.LoadAnnotations, mmseg_transforms.LoadAnnotations)
_HARMLESS = (
    *_LABEL_LOADERS, mmseg_transforms.GenerateEdge, mmseg_transforms.SegRescale,
    mmseg_transforms.PackSegInputs,
)  # fmt: skip
_CONTAINERS = (
    Compose, mmcv_transforms.Compose, mmcv_transforms.KeyMapper, mmcv_transforms.RandomApply,
    mmcv_transforms.RandomChoice, mmcv_transforms.TransformBroadcaster,
)  # fmt: skip
_BEFORE = 'put it before LoadDepth, where the image has only optical bands'
_ALTERNATIVES = {
    'PhotoMetricDistortion': 'use OpticalDistortion',
    'Normalize': 'remove it, because RGBDDataPreprocessor normalises',
    'LoadImageFromFile': 'make it the first transform',
    'RandomDepthMix': 'remove it',
    **dict.fromkeys(('CLAHE', 'AdjustGamma', 'Rerange', 'RGB2Gray', 'RandomGrayscale'), _BEFORE),
}
_RANDOM = (
    'AlignedRotFlip', 'Albu', 'BalancedCrop', 'ColourTransfer', 'DepthJitter', 'FourierTransfer',
    'OpticalDistortion', 'PhotoMetricDistortion',
)  # fmt: skip
_OTHERWISE = (
    f'{_BEFORE}. If it moves all channels alike and fills with 0, set keeps_depth = True in its '
    'class instead'
)
