"""Images for mmseg's ``inference_model``: paths, arrays or a list of both, call after call."""

import copy
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import nn

from depthda.errors import UserError

Image = str | Path | np.ndarray
_mmseg: dict[str, Any] = {}  # the functions of mmseg, by name


def install() -> None:
    """Have ``inference_model`` prepare its images here.

    mmseg changes the first transform of the model's config in place, depending on the first image:
    after an array it cannot read a path, and a list must hold one kind.
    """
    # Not above: :mod:`depthda.startup` calls this as soon as that module has been imported.
    import mmseg.apis.inference as mmseg_inference

    if not hasattr(mmseg_inference, '_preprare_data'):
        raise ImportError('mmseg.apis.inference has no _preprare_data: this mmseg is not supported')
    for name in ('init_model', 'load_checkpoint'):
        _mmseg.setdefault(name, getattr(mmseg_inference, name))
    mmseg_inference._preprare_data = prepare_images
    mmseg_inference.load_checkpoint = _load_any
    mmseg_inference.init_model = init_model
    package = sys.modules['mmseg.apis']
    if hasattr(package, 'init_model'):  # imported before depthda, so it has the old function
        package.init_model = init_model


def init_model(
    config: str | Path | Config,
    checkpoint: str | None = None,
    device: str = 'cuda:0',
    cfg_options: dict[str, Any] | None = None,
) -> nn.Module:
    """Build a model as mmseg's ``init_model`` does.

    A plain state dict as checkpoint names no classes, so they are those of the config's test
    dataset; mmseg would guess them from their number.
    """
    if str(device).startswith('cuda') and not torch.cuda.is_available():
        raise UserError(f"init_model: device={device!r}, and torch finds no GPU: use device='cpu'.")
    if str(config).endswith(('.pth', '.pt', '.safetensors')):
        raise UserError(
            f'init_model({config}, …): a checkpoint is where the config belongs: give the config '
            'first and the checkpoint second.'
        )
    model = _mmseg['init_model'](config, checkpoint, device, cfg_options)
    if checkpoint is not None and model.dataset_meta is None:
        from depthda.engine.checks.data_check import datasets_of

        for dataset in datasets_of(model.cfg, 'test'):
            model.dataset_meta = dataset.metainfo
    return model


def _load_any(model: nn.Module, *args, **kwargs) -> dict:
    """Load a checkpoint as mmengine does, with the ``meta`` that a plain state dict lacks."""
    loaded = _mmseg['load_checkpoint'](model, *args, **kwargs)
    meta = loaded.get('meta', {})
    # Without either of them, mmseg guesses the classes from their number.
    return loaded | {'meta': meta if 'CLASSES' in meta else {'dataset_meta': None} | meta}


def _check_range(image: np.ndarray, model: nn.Module) -> None:
    """Refuse bands between 0 and 1 for a model that is normalised with a mean in other units."""
    mean = model.cfg.get('model', {}).get('data_preprocessor', {}).get('mean')
    bands = image[..., : len(mean or ())]
    if mean and min(mean) > 1 and bands.size and 0 < bands.max() <= 1 and (bands % 1).any():
        raise UserError(
            f'the bands of the image array go from {bands.min():g} to {bands.max():g}, and the '
            f'model expects the units of the files (mean {max(mean):g}): do not rescale them.'
        )


def prepare_images(images: Image | Sequence[Image], model: nn.Module) -> tuple[dict, bool]:
    """Run the test pipeline of ``model.cfg`` on images; the config is not changed.

    Args:
        images: One image or a list: a path, or an array H×W×B or H×W×(B+1) with depth last, whose
            colours are in the order of ``cv2.imread`` (blue first).
        model: What ``init_model`` returned.

    Returns:
        A batch for ``model.test_step``, and whether ``images`` was a list.
    """
    is_list = isinstance(images, (list, tuple))
    steps = [step for step in model.cfg.test_pipeline if step['type'] != 'LoadAnnotations']
    from_path = Compose(copy.deepcopy(steps))
    from_array = Compose([dict(type='LoadImageFromNDArray'), *copy.deepcopy(steps[1:])])
    batch: dict[str, list[Any]] = defaultdict(list)
    for image in images if is_list else [images]:
        if not isinstance(image, Image):
            raise UserError(
                f'inference_model takes paths and arrays, not {type(image).__name__}: give the '
                'path, or an array with the colours in the order of cv2.imread (blue first).'
            )
        if isinstance(image, np.ndarray):
            _check_range(image, model)
            sample = from_array(dict(img=image))
        elif not Path(image).is_file():
            raise UserError(f'there is no image {image}: give the path of a file, or an array.')
        else:
            sample = from_path(dict(img_path=str(image)))
        for key in ('inputs', 'data_samples'):
            batch[key].append(sample[key])
    if not batch:
        raise UserError('inference_model got an empty list: give one image or more.')
    return batch, is_list
