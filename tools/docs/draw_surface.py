"""Draw the pictures of surface models in docs/depth.md: python tools/docs/draw_surface.py"""

import numpy as np
from draw_depth import SIZE, Panel, depth, draw, picture, tile

from depthda.depth.maps import normalize_heights, to_codes
from depthda.depth.surface.ground import ground_below
from depthda.depth.surface.write import fill_nearest

SLOPE = 0.12  # metres, up from column to column


def main() -> None:
    here = tile('urban', 1)
    hillside = here.height + SLOPE * np.arange(SIZE, dtype=np.float32)
    draw('surface-ground.jpg', [windows(here.image, hillside), outlier(here.image, here.height)])


def windows(image: np.ndarray, heights: np.ndarray) -> list[Panel]:
    """Show a hillside, and heights above the ground that windows of three sizes find."""
    panels = [picture('image', image), depth('surface, on a hillside', heights)]
    for half, size in ((6, 'smaller than houses'), (20, 'larger'), (110, 'as large as the hill')):
        ground = ground_below(heights, np.ones(heights.shape, bool), (half, half))
        above = np.maximum(heights - ground, 0)
        panels.append(depth(f'window {2 * half + 1}: {size}', above, vmin=0, vmax=20))
    return panels


def outlier(image: np.ndarray, heights: np.ndarray) -> list[Panel]:
    """Show a bird and a pit, with the range that they set and the one that percentiles set."""
    heights = heights.copy()
    heights[40:42, 60:62], heights[200:202, 90:92] = 160, -60
    valid = np.ones(heights.shape, bool)
    valid[150:185, 20:80] = False
    low, high = np.percentile(heights[valid], (0.5, 99.5))
    clipped = normalize_heights(heights, valid, (low, high))
    filled = fill_nearest(to_codes(clipped))
    return [
        picture('image', image),
        depth('no height; a bird; a pit', ~valid | (np.abs(heights - 50) > 100), vmin=0, vmax=1),
        depth('lowest to highest', normalize_heights(heights, valid), vmin=0, vmax=1),
        depth('percentiles 0.5 and 99.5', clipped, vmin=0, vmax=1),
        depth('and filled', filled, vmin=0, vmax=65535),
    ]


if __name__ == '__main__':
    main()
