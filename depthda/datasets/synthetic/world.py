"""A tile of a synthetic world, which depends only on (world, domain, split, index).

Each part of a world draws from its own random stream. So the settings of a part only affect the
arrays that depend on it: ``appearance`` affects the image (and the shadows that cause errors of
relative depth), ``depth`` only relative depth, and ``geometry`` everything except the labels.

**The null world.** Image and labels are those of the normal world, bit for bit. Height and relative
depth are those of a decoy: another tile of the same domain and split, drawn from other random
streams. So depth has the same statistics as in the normal world, but within a domain it is
independent of the image and of the classes. A gain from such depth does not come from information
about the scene. The shadows in the image are those of the normal world. If the decoy cast them,
depth would explain the shadows and could help without information about the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator

from .appearance import estimate_depth, make_light, render
from .config import SPLITS, AppearanceConfig, WorldConfig, check_choice
from .fields import Frame, stream
from .geometry import make_surface
from .layout import make_layout


@dataclass
class Tile:
    """One sample.

    ``image`` is H×W×3 uint8 RGB, ``mask`` H×W uint8 in LoveDA's raw codes (0 no-data, 1…7),
    ``height`` H×W float32 (surface model in metres), ``depth`` H×W uint16 (relative depth; larger
    values are higher, and 0 does not occur).
    """

    image: np.ndarray
    mask: np.ndarray
    height: np.ndarray
    depth: np.ndarray


def generate_tile(world: WorldConfig, domain: str, split: str, index: int) -> Tile:
    """Generate tile ``index`` (0, 1, …) of a domain and split."""
    check_choice('a world has no split', split, SPLITS)
    scene = _Scene(world, domain, split, index)
    decoy = _Scene(world, domain, split, index, 'decoy') if world.null else scene
    return Tile(scene.image(), scene.layout.mask, decoy.surface.height, decoy.depth())


def second_date(world: WorldConfig, domain: str, split: str, index: int) -> np.ndarray:
    """Return the image of a tile's scene on a second date, for pretraining without labels.

    Its season, light and sensor are drawn from a range that spans all domains. So an encoder that
    predicts one date from the other has to recognise what is on the ground in either appearance.
    """
    check_choice('a world has no split', split, SPLITS)
    appearances = [world.domain(name).appearance for name in world.domain_names]
    return _Scene(world, domain, split, index).second_date(appearances)


def any_appearance(domains: Sequence[AppearanceConfig], rng: Generator) -> AppearanceConfig:
    """Return settings that span the domains: merged ranges, and single values drawn in between."""
    values = {}
    for name in (field.name for field in fields(AppearanceConfig)):
        settings = [getattr(domain, name) for domain in domains]
        if name == 'gain':
            values[name] = tuple(
                rng.uniform(min(band), max(band)) for band in zip(*settings, strict=True)
            )
        elif isinstance(settings[0], tuple):
            lows, highs = zip(*settings, strict=True)
            values[name] = min(lows), max(highs)
        else:
            values[name] = rng.uniform(min(settings), max(settings))
    return AppearanceConfig(**values)


class _Scene:
    """All parts of one tile, or of the decoy that provides the heights of the null world."""

    def __init__(self, world: WorldConfig, domain: str, split: str, index: int, *role: str):
        self._key = (world.version, world.seed, split, domain, index, *role)
        self._config = world.domain(domain)
        gsd = self._config.resolution.gsd_m
        frame = Frame(world.size, gsd)
        self.layout = make_layout(self._config.layout, frame, self._stream('layout'))
        self.surface = make_surface(self._config.geometry, self.layout, self._stream('geometry'))
        light = make_light(self._config.appearance, self.surface, gsd, self._stream('sun'))
        self._parts = self.layout, self.surface, light

    def _stream(self, part: str) -> Generator:
        return stream(*self._key, part)

    def image(self) -> np.ndarray:
        return render(self._config.appearance, *self._parts, self._stream('appearance'))

    def second_date(self, appearances: Sequence[AppearanceConfig]) -> np.ndarray:
        appearance = any_appearance(appearances, self._stream('date-2'))
        gsd = self._config.resolution.gsd_m
        light = make_light(appearance, self.surface, gsd, self._stream('sun-2'))
        return render(appearance, self.layout, self.surface, light, self._stream('appearance-2'))

    def depth(self) -> np.ndarray:
        return estimate_depth(self._config.depth, *self._parts, self._stream('depth'))
