"""Images for mmseg's ``inference_model``: paths, arrays or a list of both, call after call."""

import copy
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from torch import nn

from depthda.errors import UserError

Image = str | Path | np.ndarray


def install() -> None:
    """Have ``inference_model`` prepare its images here.

    mmseg's own step renames the first transform of the model's config in place, by the kind of the
    first image: after an array no path can be read, and a list holds one kind.
    """
    # Not above: :mod:`depthda.startup` calls this as soon as that module has been imported.
    import mmseg.apis.inference as mmseg_inference

    if not hasattr(mmseg_inference, '_preprare_data'):
        raise ImportError('mmseg.apis.inference has no _preprare_data: this mmseg is not supported')
    mmseg_inference._preprare_data = prepare_images


def prepare_images(images: Image | Sequence[Image], model: nn.Module) -> tuple[dict, bool]:
    """Run the test pipeline of ``model.cfg`` on images; the config is left as it is.

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
        if isinstance(image, np.ndarray):
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
