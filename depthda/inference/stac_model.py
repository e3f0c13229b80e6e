"""Describe a trained model as a STAC item, with the extension for machine-learning models (MLM)."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.inference.bundle import WEIGHTS, dataset_text
from depthda.inference.predict_scene import Settings
from depthda.inference.trained_model import TrainedModel

VERSION = '1.1.0'
_HUB = 'https://huggingface.co'
_TASKS = ['semantic-segmentation']


def model_item(
    model: TrainedModel, where: str, path: Path, settings: Settings, note: str
) -> dict[str, Any]:
    """Return the item of a model, without its dates.

    It has no place, because the place of the training images is not recorded.

    Args:
        model: The model.
        where: The checkpoint, the folder of the bundle or its name on the hub.
        path: The file of the item, from which a local model is named.
        settings: Windows of the map.
        note: A sentence for the description.
    """
    trained_on = model.about.get('trained_on') or {}
    facts = {
        'window': settings.window,
        'overlap': settings.overlap,
        'test_time_augmentation': settings.tta,
        'checkpoint_sha256': model.about.get('sha256'),
        'checkpoint_chosen_by': (model.about.get('selection') or {}).get('rule'),
        'trained_on': dataset_text(trained_on) if trained_on else None,
        'depth': model.depth_source,
        'ground_sampling_distance': model.about.get('gsd'),
    }
    properties = {
        'description': f'A network that segments {model.bands} bands into land cover. {note}',
        'mlm:name': model_name(model),
        'mlm:architecture': _architecture(model),
        'mlm:tasks': _TASKS,
        'mlm:framework': 'PyTorch',
        'mlm:total_parameters': sum(value.numel() for value in model.network.parameters()),
        'mlm:input': [_input(model, settings.window)],
        'mlm:output': [_output(model, settings.window)],
        'mlm:hyperparameters': {key: value for key, value in facts.items() if value is not None},
    }
    return {
        'type': 'Feature',
        'stac_version': VERSION,
        'stac_extensions': [extension('mlm/v1.5.1')],
        'id': path.stem,
        'geometry': None,
        'properties': properties,
        'links': [],
        'assets': {'model': _weights(where, path, band_names(model))},
    }


def extension(name: str) -> str:
    """Return the address that names an extension of STAC."""
    return f'https://stac-extensions.github.io/{name}/schema.json'


def model_name(model: TrainedModel) -> str:
    """Return the name of a model in letters, digits, ``-``, ``_`` and ``.``."""
    found = model.about.get('experiment') or Path(model.about.get('file') or 'model').stem
    return re.sub('[^0-9A-Za-z_.-]+', '_', found).strip('_.-') or 'model'


def band_names(model: TrainedModel) -> list[str]:
    """Return the bands of the input, numbered as in a file, and depth, in the order of the network.

    Files have red, green and blue first, or what the training images had in their place.
    """
    order = range(model.bands)
    if not model.network.data_preprocessor._channel_conversion:
        order = swapped_bands(model.bands)
    return [f'band_{number + 1}' for number in order] + ['depth'] * model.needs_depth


def class_objects(
    names: Sequence[str], palette: Sequence[Sequence[int]], key: str = 'title'
) -> list[dict[str, Any]]:
    """Return classes as the classification extension has them.

    A ``name`` has letters, digits, ``-`` and ``_`` only; ``key`` holds it as it is.
    """
    objects = []
    for value, (text, colour) in enumerate(zip(names, palette, strict=True)):
        name = re.sub('[^0-9A-Za-z_-]+', '_', text).strip('_') or f'class_{value}'
        hint = ''.join(f'{part:02X}' for part in colour)
        objects.append({'value': value, 'name': name, key: text, 'color_hint': hint})
    return objects


def _architecture(model: TrainedModel) -> str:
    network = model.network
    parts = [getattr(network, name, None) for name in ('backbone', 'neck', 'decode_head')]
    kinds = [type(part).__name__ for part in parts if part is not None]
    return f'{type(network).__name__} ({", ".join(kinds)})' if kinds else type(network).__name__


def _input(model: TrainedModel, window: int) -> dict[str, Any]:
    preprocessor, names = model.network.data_preprocessor, band_names(model)
    means, stds = (value.flatten().tolist() for value in (preprocessor.mean, preprocessor.std))
    if model.needs_depth:
        means, stds = [*means, preprocessor.depth_mean], [*stds, preprocessor.depth_std]
    return {
        'name': 'image with depth' if model.needs_depth else 'image',
        'bands': names,
        'input': {
            'shape': [-1, len(names), window, window],
            'dim_order': ['batch', 'channel', 'height', 'width'],
            'data_type': 'float32',
        },
        'value_scaling': [
            {'type': 'z-score', 'mean': round(mean, 6), 'stddev': round(std, 6)}
            for mean, std in zip(means, stds, strict=True)
        ],
        'resize_type': None,
        'pre_processing_function': None,
    }


def _output(model: TrainedModel, window: int) -> dict[str, Any]:
    return {
        'name': 'logits',
        'tasks': _TASKS,
        'result': {
            'shape': [-1, len(model.classes), window, window],
            'dim_order': ['batch', 'class', 'height', 'width'],
            'data_type': 'float32',
        },
        # The package that reads these items, stac-model, knows no title.
        'classification:classes': class_objects(model.classes, model.palette, 'description'),
        'post_processing_function': None,
    }


def _weights(where: str, path: Path, bands: Sequence[str]) -> dict[str, Any]:
    local = Path(where).expanduser()
    bundled = not local.is_file()
    if local.exists():
        file = local / WEIGHTS if bundled else local
        href = quote(Path(os.path.relpath(file.resolve(), path.resolve().parent)).as_posix())
    else:
        name, _, revision = where.partition('@')
        href = f'{_HUB}/{name}/resolve/{revision or "main"}/{WEIGHTS}'
    return {
        'href': href,
        'title': 'Weights of the model' if bundled else 'Checkpoint of the model',
        'type': 'application/octet-stream; framework=pytorch',
        'roles': ['mlm:model', 'mlm:weights' if bundled else 'mlm:checkpoint'],
        'mlm:artifact_type': 'safetensors' if bundled else 'torch.save',
        'bands': [{'name': name} for name in bands],
    }
