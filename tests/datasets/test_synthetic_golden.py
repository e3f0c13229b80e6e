"""The tiles of world v1 must not change, because results on them are compared across releases.

If a test fails, a change affects v1: undo it, or make it a new version of the world.
"""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from depthda.datasets.synthetic import generate_tile, make_world

GOLDEN = json.loads((Path(__file__).parent / 'golden_v1.json').read_text())


def _coarse(array):
    """Return means over an 8×8 grid, insensitive to rounding that differs between processors."""
    return cv2.resize(array.astype(np.float64), (8, 8), interpolation=cv2.INTER_AREA)


def _describe(tile):
    return {
        'mask_sha256': hashlib.sha256(tile.mask.tobytes()).hexdigest(),
        'image': _coarse(tile.image).round(2).tolist(),
        'height': _coarse(tile.height).round(3).tolist(),
        'depth': _coarse(tile.depth).round(0).tolist(),
    }


@pytest.mark.parametrize('key', list(GOLDEN))
def test_tiles_of_v1_are_unchanged(key):
    domain, split, index, null = key.split('/')
    world = make_world('v1', seed=0, size=128, null=null == 'null')
    facts, golden = _describe(generate_tile(world, domain, split, int(index))), GOLDEN[key]
    # Masks are computed by element-wise and integer operations only, so they are exact.
    assert facts['mask_sha256'] == golden['mask_sha256']
    for field, tolerance in (('image', 0.3), ('height', 0.02), ('depth', 60)):
        np.testing.assert_allclose(facts[field], golden[field], atol=tolerance, rtol=0)


def test_settings_of_v1_are_unchanged():
    """Some settings have no visible effect on the tiles above, but all affect the digest."""
    settings = json.dumps(make_world('v1').settings(), sort_keys=True)
    digest = '3f4905e0d5aa5ca8f2957f590b0f06f01a0cefa0b518d3b575c77223a066844e'
    assert hashlib.sha256(settings.encode()).hexdigest() == digest
