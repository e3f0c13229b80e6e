"""Draw the pictures of docs/depth.md from synthetic tiles: python docs/scripts/draw_depth.py"""

from pathlib import Path

import cv2
import matplotlib
import numpy as np

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

from depthda.datasets.synthetic import generate_tile, make_world  # noqa: E402
from depthda.depth.maps import normalize_heights, to_codes  # noqa: E402
from depthda.depth.monocular.alignment import align_tiles  # noqa: E402
from depthda.depth.monocular.tiling import TileGrid  # noqa: E402
from depthda.depth.surface.ground import ground_below  # noqa: E402
from depthda.depth.surface.write import fill_nearest  # noqa: E402

OUT = Path(__file__).parents[2] / 'docs' / 'images'
SIZE = 256
SLOPE = 0.12  # rise per column in metres
Panel = tuple[str, np.ndarray, dict]


def main() -> None:
    draw('depth-fidelity.jpg', [fidelity('urban', 1), fidelity('rural', 3)])
    draw('depth-per-image.jpg', [per_image(1), per_image(0)])
    draw('depth-tiles.jpg', [tiles()])
    town = tile('urban', 1)
    hillside = town.height + SLOPE * np.arange(SIZE, dtype=np.float32)
    draw('surface-ground.jpg', [windows(town.image, hillside), outlier(town.image, town.height)])


def tile(domain: str, index: int, **world):
    return generate_tile(
        make_world('v1', ('urban', 'rural'), 0, SIZE, **world), domain, 'Train', index
    )


def fidelity(domain: str, index: int) -> list[Panel]:
    """Show depth of decreasing fidelity, from the true height to noise."""
    panels = [
        picture('image', tile(domain, index).image),
        depth('height', tile(domain, index).height),
    ]
    for value in (0.7, 0.3, 0.0):
        panels.append(depth(f'fidelity {value}', tile(domain, index, fidelity=value).depth))
    return panels


def per_image(index: int) -> list[Panel]:
    """Show depth with a scale for all images, a scale for this image, and the wrong sign."""
    town = tile('urban', index)
    image, height = town.image, town.height
    return [
        picture('image', image),
        depth('height, 0…30 m', height - height.min(), vmin=0, vmax=30),
        depth('its own minimum to maximum', height),
        depth('distance: the wrong sign', -height),
    ]


def tiles() -> list[Panel]:
    """Show tiles of a scene with different scales and shifts, and their alignment."""
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(tile('urban', 1).height, (0, 0), 1)
    grid = TileGrid(SIZE, SIZE, SIZE // 4, SIZE // 16)
    parts = [scene[t:b, left:r] for t, left, b, r in grid.boxes]
    maps = [(p * rng.uniform(0.3, 3) + rng.normal(0, 20)).astype(np.float32) for p in parts]
    low, high = np.array([(p.min(), p.max()) for p in maps]).T
    count = len(maps)
    return [
        depth('height', scene),
        depth('tiles, not aligned', grid.blend(maps, np.ones(count), np.zeros(count))),
        depth(
            'each from minimum to maximum', grid.blend(maps, 1 / (high - low), -low / (high - low))
        ),
        depth('aligned', grid.blend(maps, *align_tiles(maps, grid.boxes, scene))),
    ]


def windows(image: np.ndarray, heights: np.ndarray) -> list[Panel]:
    """Show a hillside, and heights above the ground estimated with windows of three sizes."""
    panels = [picture('image', image), depth('surface, on a hillside', heights)]
    for half, size in ((6, 'smaller than houses'), (20, 'larger'), (110, 'as large as the hill')):
        ground = ground_below(heights, np.ones(heights.shape, bool), (half, half))
        above = np.maximum(heights - ground, 0)
        panels.append(depth(f'window {2 * half + 1}: {size}', above, vmin=0, vmax=20))
    return panels


def outlier(image: np.ndarray, heights: np.ndarray) -> list[Panel]:
    """Show a bird and a pit, scaled from the lowest to the highest height and by percentiles."""
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


def picture(title: str, image: np.ndarray) -> Panel:
    return title, image, {}


def depth(title: str, values: np.ndarray, **limits: float) -> Panel:
    return title, values, {'cmap': 'gray', **limits}


def draw(name: str, rows: list[list[Panel]]) -> None:
    width, height = len(rows[0]), len(rows)
    figure, axes = plt.subplots(
        height, width, figsize=(2 * width, 2.2 * height), squeeze=False, layout='constrained'
    )
    for line, row in zip(axes, rows, strict=True):
        for axis, (title, values, style) in zip(line, row, strict=True):
            axis.imshow(values, **style)
            axis.set_axis_off()
            axis.set_title(title, fontsize=8)
    figure.savefig(OUT / name, dpi=100, pil_kwargs={'quality': 85})
    plt.close(figure)


if __name__ == '__main__':
    main()
