"""A folder of estimated depth maps, and ``depth_maps.json``, which says how they were made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from depthda.depth.map_folder import DepthMapFolder
from depthda.depth.maps import write_codes
from depthda.errors import UserError
from depthda.io.files import sha256

# No dataset reads a file with this name, so it can be next to the maps.
MANIFEST = 'depth_maps.json'
_ENCODING = 'depth = shift + scale * code; larger = nearer; code 0 = no depth'


class MapFolder(DepthMapFolder):
    """A folder of estimated maps, all made with the same settings; other maps are refused.

    ``settings`` has everything that determines the values of a map, such as ``weights`` (their
    hash). ``about`` has other information: ``model``, ``versions`` (a list), …
    """

    name = unfinished = MANIFEST
    keys = ('settings', 'about')
    advice = 'choose another folder with --out or --name'

    def __init__(self, root: Path, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        plain = json.loads(json.dumps(settings))  # as in a manifest, to compare them
        content = {'encoding': _ENCODING, 'settings': plain, 'about': dict(about), 'maps': {}}
        super().__init__(root, content)

    def open(self) -> None:
        """Check or begin the manifest, and remove the half-written files of a killed run."""
        before = super().open()
        if before is None:
            self.write()
        else:
            # The first run records how the maps were made. Later runs only add other versions.
            new, recorded = (content['about']['versions'] for content in (self.content, before))
            recorded += [versions for versions in new if versions not in recorded]
            self.content['about'] = before['about']
        self.remove_strays()

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse a manifest with other settings. For other weights, the error names the model."""
        if before['settings']['weights'] != self.content['settings']['weights']:
            raise UserError(
                f'{self.root} contains maps of other weights ({before["about"]["model"]}): '
                f'{self.advice}, or remove the existing one.'
            )
        super().check(before)

    def save(
        self, name: str, depth: np.ndarray, image: Path, valid: np.ndarray | None = None
    ) -> bool:
        """Write the H×W depth of ``image``; return whether it has any relief.

        Codes 1…65535 span the range of the depth. The code is 0 where ``valid`` is False.
        """
        known = depth if valid is None else depth[valid]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        scale = (high - low) / 65534
        shift = low - scale if scale else low
        codes = np.full(depth.shape, 32768, np.uint16)
        if scale:
            # Row by row, because a whole scene in float64 needs more memory than all its tiles.
            for row, values in zip(codes, depth, strict=True):
                row[:] = np.rint((values.astype(np.float64) - shift) / scale).clip(1, 65535)
        if valid is not None:
            codes[~valid] = 0
        note = {'settings': self.key, 'image': image_hash(image), 'scale': scale, 'shift': shift}
        write_codes(self.root / f'{name}.png', codes, json.dumps(note))
        return scale > 0

    def is_done(self, name: str, size: tuple[int, int], image: Path) -> bool:
        """Return whether a complete map of ``image`` with these settings and this size exists.

        ``size`` is (height, width). A map of these settings but of another image is refused,
        because it would be taken for the map of ``image``. Maps of earlier versions do not identify
        their image, and are kept.
        """
        entry = self.entry(name)
        if entry is None or tuple(entry['size'][::-1]) != size:
            return False
        if entry.get('image', '') not in ('', image_hash(image)):
            raise UserError(
                f'{self.root / name}.png is the map of a different image than {image}: '
                f'{self.advice}, or remove the map.'
            )
        return True


def image_hash(image: Path) -> str:
    """Return a short hash of the file, which stays the same when a dataset is moved."""
    return sha256(image)[:16]
