"""Describe a trained model as a STAC item, with the extension for machine-learning models (MLM)."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from depthda.errors import many
from depthda.inference.bundle import WEIGHTS, dataset_text
from depthda.inference.model import LandCoverModel
from depthda.inference.predict_scene import Settings

_EXTENSIONS = 'https://stac-extensions.github.io'
_HUB = 'https://huggingface.co'
_TASKS = ['semantic-segmentation']


def model_item(
    model: LandCoverModel, where: str, path: Path, settings: Settings, note: str
) -> dict[str, Any]:
    """Return the STAC item of a model, to which the caller adds the dates.

    The item has no geometry, because the place of the training images is not recorded.

    Args:
        where: The model's checkpoint, bundle folder or name on the hub.
        path: The path of the item; the link to a local model is relative to it.
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
    bands = many(model.bands, 'band')
    properties = {
        'description': f'A land-cover segmentation network for images with {bands}. {note}',
        'mlm:name': model_name(model),
        'mlm:architecture': model.architecture,
        'mlm:tasks': _TASKS,
        'mlm:framework': 'PyTorch',
        'mlm:total_parameters': model.parameters,
        'mlm:input': [_input(model, settings.window)],
        'mlm:output': [_output(model, settings.window)],
        'mlm:hyperparameters': {key: value for key, value in facts.items() if value is not None},
    }
    assets = {'model': _weights(where, path, band_names(model))}
    return stac_item(path, ['mlm/v1.5.1'], properties, [], assets)


def stac_item(
    path: Path, extensions: Sequence[str], properties: dict, links: list, assets: dict
) -> dict[str, Any]:
    """Return a STAC item without geometry; its id is the stem of ``path``."""
    return {
        'type': 'Feature',
        'stac_version': '1.1.0',
        'stac_extensions': [f'{_EXTENSIONS}/{name}/schema.json' for name in extensions],
        'id': path.stem,
        'geometry': None,
        'properties': properties,
        'links': links,
        'assets': assets,
    }


def model_name(model: LandCoverModel) -> str:
    """Return the name of a model, with only letters, digits, ``-``, ``_`` and ``.``."""
    name = model.about.get('experiment') or Path(model.about.get('file') or 'model').stem
    return re.sub('[^0-9A-Za-z_.-]+', '_', name).strip('_.-') or 'model'


def band_names(model: LandCoverModel) -> list[str]:
    """Return the names of the input channels in the order of the network's channels.

    Bands are numbered as in an image file. Its first three bands are red, green and blue, or the
    bands that replaced them in the training images. Depth comes last.
    """
    return [f'band_{number}' for number in model.band_order] + ['depth'] * model.needs_depth


def class_objects(
    names: Sequence[str], palette: Sequence[Sequence[int]], key: str = 'title'
) -> list[dict[str, Any]]:
    """Return the classes as objects of the classification extension.

    A ``name`` may have only letters, digits, ``-`` and ``_``; ``key`` holds the original name.
    """
    objects = []
    for value, (text, colour) in enumerate(zip(names, palette, strict=True)):
        name = re.sub('[^0-9A-Za-z_-]+', '_', text).strip('_') or f'class_{value}'
        hint = ''.join(f'{part:02X}' for part in colour)
        objects.append({'value': value, 'name': name, key: text, 'color_hint': hint})
    return objects


def _input(model: LandCoverModel, window: int) -> dict[str, Any]:
    names = band_names(model)
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
            for mean, std in zip(*model.statistics, strict=True)
        ],
        'resize_type': None,
        'pre_processing_function': None,
    }


def _output(model: LandCoverModel, window: int) -> dict[str, Any]:
    return {
        'name': 'logits',
        'tasks': _TASKS,
        'result': {
            'shape': [-1, len(model.classes), window, window],
            'dim_order': ['batch', 'class', 'height', 'width'],
            'data_type': 'float32',
        },
        # The package stac-model, which reads these items, does not know the field ``title``.
        'classification:classes': class_objects(model.classes, model.palette, 'description'),
        'post_processing_function': None,
    }


def _weights(where: str, path: Path, bands: Sequence[str]) -> dict[str, Any]:
    local = Path(where).expanduser()
    bundled, program = not local.is_file(), local.suffix == '.pt2'
    kind = 'safetensors' if bundled else 'torch.export.save' if program else 'torch.save'
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
        'mlm:artifact_type': kind,
        'bands': [{'name': name} for name in bands],
    }
