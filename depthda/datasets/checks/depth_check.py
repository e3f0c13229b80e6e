"""Check by what estimated depth maps record that they belong to their images and to one another.

Only maps of ``depthda depth`` carry such a record: a note with the hash of the image in each file,
and ``depth_maps.json`` with the settings in the folder. Other maps pass.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from depthda.depth.monocular.folder import MANIFEST, image_hash
from depthda.errors import UserError
from depthda.io.files import read_json
from depthda.io.png import read_note

# Settings that change depth from dataset to dataset. Bands and range follow from the images.
_COMPARED = ('weights', 'preprocessing', 'mode', 'tile', 'overlap')
_LEVELS = 3  # maps in sub-folders share the manifest of the whole run


def check_image(sample: Mapping[str, Any]) -> None:
    """Refuse the depth map of a sample if it was made from another image."""
    path, image = sample.get('depth_path'), sample['img_path']
    if not path or not str(path).lower().endswith('.png'):
        return
    expected = _entry(path).get('image')
    if expected and expected != image_hash(Path(image)):
        raise UserError(
            f'{path} was estimated from another image than {image}, which was exchanged later: '
            f'remove {os.path.dirname(path)} and make the maps again with depthda depth'
        )


def differing_maps(folders: Mapping[str, str]) -> list[str]:
    """Return a warning for each folder whose maps were made unlike those of the first one.

    Args:
        folders: Name of the loader (``'train'``) by folder of depth maps.
    """
    known = [(folder, found) for folder in folders if (found := _manifest(folder))]
    if not known:
        return []
    first, reference = known[0]
    lines = []
    for folder, manifest in known[1:]:
        if differences := list(_differences(reference, manifest)):
            lines.append(
                f'the depth maps in {first} ({folders[first]}) and {folder} ({folders[folder]}) '
                f'were made differently ({"; ".join(differences)}): make them with the same '
                'model and options of depthda depth'
            )
    return lines


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterable[str]:
    for key in _COMPARED:
        old, new = first['settings'].get(key), second['settings'].get(key)
        if old == new:
            continue
        if key == 'weights':
            yield f'weights {_model(first)} and {_model(second)}'
        elif isinstance(old, dict) and isinstance(new, dict):
            for item in sorted(name for name in old | new if old.get(name) != new.get(name)):
                yield f'{item} {old.get(item)} and {new.get(item)}'
        else:
            yield f'{key} {old} and {new}'


def _model(manifest: Mapping[str, Any]) -> str:
    name = manifest.get('about', {}).get('model', 'unknown')
    return f'{name} (SHA-256 {str(manifest["settings"]["weights"])[:8]}…)'


def _manifest(folder: str) -> dict[str, Any] | None:
    """Read the nearest ``depth_maps.json`` in the folder or above it."""
    path = Path(os.path.abspath(folder))
    for place in (path, *path.parents[:_LEVELS]):
        content = read_json(place / MANIFEST)
        if content is not None:
            settings = content.get('settings') if isinstance(content, dict) else None
            return content if isinstance(settings, dict) and 'weights' in settings else None
    return None


def _entry(path: str) -> dict[str, Any]:
    try:
        entry = json.loads(read_note(path) or '{}')
    except ValueError:
        return {}  # a note of another program
    return entry if isinstance(entry, dict) else {}
