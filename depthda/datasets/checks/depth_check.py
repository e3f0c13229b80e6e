"""Check that depth maps belong to their images, and that all were made in the same way.

The checks use what the maps record. Each map of ``depthda depth`` has a note with the hash of its
image, and ``depth_maps.json`` has the settings. The manifest of ``depthda normalize-dsm`` has the
range of heights. Maps without these records pass.
"""

import glob
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depthda.depth.monocular.folder import MANIFEST, image_hash
from depthda.depth.surface.folder import MANIFEST as SURFACE_MANIFEST
from depthda.errors import UserError
from depthda.io.files import read_json
from depthda.io.png import read_note

# Settings that must be equal in all datasets. Bands and value range may differ with the images.
_COMPARED = ('weights', 'mode', 'tile', 'overlap')
_LEVELS = 3  # folders above that may hold the manifest: maps in sub-folders share one


def check_image(sample: Mapping[str, Any]) -> None:
    """Refuse the depth map of a sample if it was made from another image."""
    path, image = sample.get('depth_path'), Path(sample['img_path'])
    if not path or not str(path).lower().endswith('.png'):
        return
    try:
        note = json.loads(read_note(path) or '{}')
    except ValueError:
        return  # a note of another program
    expected = note.get('image') if isinstance(note, dict) else None
    if not expected or expected == image_hash(image):
        return
    # The same tile with other bands (images_irrg, images_rgb) may share the depth map.
    others = image.parent.parent.glob(f'images*/{glob.escape(image.stem)}.*')
    if expected not in map(image_hash, others):
        raise UserError(
            f'{path} was estimated from another version of {image}: remove '
            f'{os.path.dirname(path)} and estimate the depth maps again with depthda depth'
        )


def differing_maps(folders: Mapping[str, str]) -> list[str]:
    """Return a warning for each folder whose maps were made differently from the first folder's.

    ``folders`` has the name of the data loader (``'train'``) that reads each folder.
    """
    lines = []
    for describe, command in ((_estimation, 'depth'), (_heights, 'normalize-dsm')):
        known = {folder: facts for folder in folders if (facts := describe(Path(folder)))}
        first, reference = next(iter(known.items()), ('', {}))
        for folder, facts in known.items():
            pairs = {key: (reference.get(key), facts.get(key)) for key in reference | facts}
            differences = [f'{key} {a} and {b}' for key, (a, b) in pairs.items() if a != b]
            if differences:
                lines.append(
                    f'the depth maps in {first} ({folders[first]}) and {folder} '
                    f'({folders[folder]}) were made with different settings '
                    f'({"; ".join(differences)}): make both with the same options of depthda '
                    f'{command}'
                )
    return lines


def _estimation(folder: Path) -> dict[str, Any]:
    """Return the settings of the estimated maps in a folder; {} if no manifest has them."""
    manifest = _manifest(folder, MANIFEST)
    settings = manifest.get('settings')
    if not isinstance(settings, dict) or 'weights' not in settings:
        return {}
    compared = {key: settings.get(key) for key in _COMPARED}
    model = manifest.get('about', {}).get('model', 'unknown')
    compared['weights'] = f'{model} (SHA-256 {settings["weights"][:8]}…)'
    return compared | dict(settings.get('preprocessing') or {})


def _heights(folder: Path) -> dict[str, Any]:
    """Return the range of heights of the maps in a folder; {} if no manifest has it."""
    heights = _manifest(folder, SURFACE_MANIFEST).get('range')
    if not isinstance(heights, dict) or not {'low', 'high'} <= heights.keys():
        return {}
    return {'range': f'{heights["low"]:g}…{heights["high"]:g}'}


def _manifest(folder: Path, name: str) -> dict[str, Any]:
    """Read the manifest called ``name`` in the folder, or else the nearest one above it."""
    path = Path(os.path.abspath(folder))
    contents = (read_json(parent / name) for parent in (path, *path.parents[:_LEVELS]))
    content = next((content for content in contents if content is not None), None)
    return content if isinstance(content, dict) else {}
