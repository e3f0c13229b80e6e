"""Prepare images (paths, arrays or a list of both) for mmseg's ``inference_model``."""

import copy
import sys
import warnings
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
    """Make ``inference_model`` prepare its images with this module.

    mmseg changes the model's config to suit the first image. So it cannot read a path after an
    array, and a list must not mix paths and arrays.
    """
    # Imported here because :mod:`depthda.startup` calls this as soon as the module is imported.
    import mmseg.apis.inference as mmseg_inference

    if not hasattr(mmseg_inference, '_preprare_data'):
        raise ImportError('mmseg.apis.inference has no _preprare_data: this mmseg is not supported')
    for name in ('init_model', 'load_checkpoint'):
        _mmseg.setdefault(name, getattr(mmseg_inference, name))
    mmseg_inference._preprare_data = prepare_images
    mmseg_inference.load_checkpoint = _load_any
    mmseg_inference.init_model = init_model
    package = sys.modules['mmseg.apis']
    if hasattr(package, 'init_model'):  # imported before depthda, so it holds the old function
        package.init_model = init_model


def init_model(
    config: str | Path | Config,
    checkpoint: str | None = None,
    device: str = 'cuda:0',
    cfg_options: dict[str, Any] | None = None,
) -> nn.Module:
    """Build a model as mmseg's ``init_model`` does.

    A plain state dict as checkpoint names no classes. They are then read from the test dataset of
    the config; mmseg would guess them from their number.
    """
    if str(device).startswith('cuda') and not torch.cuda.is_available():
        raise UserError(f"init_model: device={device!r}, but torch finds no GPU: use device='cpu'.")
    if str(config).endswith(('.pth', '.pt', '.safetensors')):
        raise UserError(
            f'init_model({config}, …): the first argument is a checkpoint: pass the config first '
            'and the checkpoint second.'
        )
    if checkpoint is None:
        warnings.warn(
            'init_model: without a checkpoint, the head has random weights, and so does every '
            'encoder whose weights the config does not name, so the predictions are meaningless',
            stacklevel=2,
        )
    model = _mmseg['init_model'](config, checkpoint, device, cfg_options)
    if checkpoint is not None and model.dataset_meta is None:
        from depthda.engine.checks.data_check import datasets_of

        for dataset in datasets_of(model.cfg, 'test'):
            model.dataset_meta = dataset.metainfo
    return model


def _load_any(model: nn.Module, *args, **kwargs) -> dict:
    """Load a checkpoint as mmengine does, and add the ``meta`` that a plain state dict lacks."""
    loaded = _mmseg['load_checkpoint'](model, *args, **kwargs)
    meta = loaded.get('meta', {})
    # If neither key exists, mmseg guesses the classes from their number.
    return loaded | {'meta': meta if 'CLASSES' in meta else {'dataset_meta': None} | meta}


def _check_range(image: np.ndarray, model: nn.Module) -> None:
    """Refuse images scaled to 0…1 if the model expects the values of the files."""
    mean = model.cfg.get('model', {}).get('data_preprocessor', {}).get('mean')
    bands = image[..., : len(mean or ())]
    if mean and min(mean) > 1 and bands.size and 0 < bands.max() <= 1 and (bands % 1).any():
        raise UserError(
            f'the bands of the image array range from {bands.min():g} to {bands.max():g}, but the '
            f'model expects the values of the files (mean {max(mean):g}): do not rescale them.'
        )


def prepare_images(images: Image | Sequence[Image], model: nn.Module) -> tuple[dict, bool]:
    """Run the test pipeline of ``model.cfg`` on images without changing the config.

    Args:
        images: One image or a list of images. An image is a path or an array. An array has B bands,
            blue first as from ``cv2.imread`` (H×W×B), and may have depth as its last channel
            (H×W×(B+1)).
        model: Model that ``init_model`` returned.

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
                f'inference_model accepts paths and arrays, not {type(image).__name__}: pass a '
                'path, or an array with the colours in the order of cv2.imread (blue first).'
            )
        if isinstance(image, np.ndarray):
            _check_range(image, model)
            sample = from_array(dict(img=image))
        elif not Path(image).is_file():
            raise UserError(f'there is no image {image}: pass the path of a file, or an array.')
        else:
            sample = from_path(dict(img_path=str(image)))
        for key in ('inputs', 'data_samples'):
            batch[key].append(sample[key])
    if not batch:
        raise UserError('inference_model got an empty list: pass at least one image.')
    return batch, is_list
