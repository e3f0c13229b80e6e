"""World v1 is frozen: results are only comparable while its tiles do not change.

If this fails, a change affects v1. Undo it, or make it a new version.
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
    """Return means over an 8×8 grid; they tolerate the last bit, which depends on the processor."""
    return cv2.resize(array.astype(np.float64), (8, 8), interpolation=cv2.INTER_AREA)


def _describe(tile):
    return {
        'mask_sha256': hashlib.sha256(tile.mask.tobytes()).hexdigest(),
        'image': _coarse(tile.image).round(2).tolist(),
        'height': _coarse(tile.height).round(3).tolist(),
        'depth': _coarse(tile.depth).round(0).tolist(),
    }


@pytest.mark.parametrize('key', list(GOLDEN))
def test_v1_is_frozen(key):
    domain, split, index, null = key.split('/')
    world = make_world('v1', seed=0, size=128, null=null == 'null')
    found, golden = _describe(generate_tile(world, domain, split, int(index))), GOLDEN[key]
    # Masks come from element-wise and integer arithmetic only, so they are exact.
    assert found['mask_sha256'] == golden['mask_sha256']
    for field, tolerance in (('image', 0.3), ('height', 0.02), ('depth', 60)):
        np.testing.assert_allclose(found[field], golden[field], atol=tolerance, rtol=0)


def test_settings_of_v1_are_frozen():
    """A tile cannot show every setting, but the digest of the settings does."""
    settings = json.dumps(make_world('v1').settings(), sort_keys=True)
    digest = '3f4905e0d5aa5ca8f2957f590b0f06f01a0cefa0b518d3b575c77223a066844e'
    assert hashlib.sha256(settings.encode()).hexdigest() == digest
