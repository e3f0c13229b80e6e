"""The street grid: streets, with blocks or countryside between them."""

import math

import numpy as np
from numpy.random import Generator

from .config import LayoutConfig
from .fields import Bands, Frame, between
from .materials import Material

# The kinds of blocks and their ground. The code of a grid cell is the index of its kind + 1, or 0
# for countryside.
GROUND = {
    'farm': Material.PAVED,
    'houses': Material.LAWN,
    'slabs': Material.LAWN,
    'towers': Material.PAVED,
    'halls': Material.PAVED,
    'quarter': Material.PAVED,
    'park': Material.LAWN,
    'lot': Material.SOIL,
    'parking': Material.PAVED,
}
KINDS = tuple(GROUND)


class StreetGrid:
    """A rotated grid of streets. Its cells are blocks or countryside."""

    def __init__(
        self,
        config: LayoutConfig,
        frame: Frame,
        rng: Generator,
        angle: float,
        warp: np.ndarray | None,
    ) -> None:
        self.angle, self.warp, self.frame = angle, warp, frame
        u, v = frame.rotated(angle, warp)
        self.axes = tuple(Bands(rng, frame, config.block_m, frame.gsd / 4) for _ in range(2))
        self.at = tuple(axis.index(c) for axis, c in zip(self.axes, (u, v), strict=True))
        self.cell = tuple(axis.band[at] for axis, at in zip(self.axes, self.at, strict=True))
        self.table = self._draw_kinds(config, rng)
        self.kind = self.table[self.cell]
        self.half, self.through, self.surface = [], [], []
        for axis in self.axes:
            count = len(axis) + 1
            self.half.append(between(rng, config.street_m, count) / 2)
            self.through.append(rng.random(count) < config.through_road)
            is_asphalt = rng.random(count) < config.asphalt
            self.surface.append(np.where(is_asphalt, Material.ASPHALT, Material.CONCRETE_ROAD))

    def _draw_kinds(self, config: LayoutConfig, rng: Generator) -> np.ndarray:
        """Draw the kind of each cell, so that built-up cells form clusters."""
        shape = tuple(len(axis) for axis in self.axes)
        centres = [(axis.edges[:-1] + axis.edges[1:]) / 2 for axis in self.axes]
        waves = rng.random((3, 3))
        field = 0.5 * rng.random(shape)
        for fu, fv, phase in waves:
            wave = (fu - 0.5) * centres[0][:, None] + (fv - 0.5) * centres[1][None, :]
            field += np.cos(wave / 25.0 + 2 * math.pi * phase)
        share = between(rng, config.built_up)
        names, weights = zip(*config.blocks, strict=True)
        codes = np.array([KINDS.index(name) + 1 for name in names], np.uint8)
        cumulative = np.cumsum(weights) / np.sum(weights)
        drawn = np.searchsorted(cumulative, rng.random(shape)).clip(max=len(codes) - 1)
        return np.where(field >= np.quantile(field, 1 - share), codes[drawn], 0).astype(np.uint8)

    def street(self, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for each pixel the nearest street of an axis: distance, half width, surface.

        The half width is 0 where there is no street.
        """
        table = np.moveaxis(self.table, axis, 0) > 0
        empty = np.zeros((1, table.shape[1]), bool)
        adjacent = np.concatenate([empty, table]) | np.concatenate([table, empty])
        present = adjacent | self.through[axis][:, None]
        half = np.where(present, self.half[axis][:, None], 0).astype(np.float32)
        at = self.at[axis]
        nearest = self.axes[axis].nearest[at]
        offset = np.abs(self.axes[axis].offset)[at]
        return offset, half[nearest, self.cell[1 - axis]], self.surface[axis][nearest]

    def paint_streets(self, material: np.ndarray) -> np.ndarray:
        """Paint streets, with pavements in built-up cells; return distances from street axes."""
        lane = np.full(material.shape, 99.0, np.float32)
        streets = [self.street(axis) for axis in range(2)]
        for offset, half, _ in streets:
            pavement = (offset < half + 2.2) & (half > 0) & (self.kind > 0)
            material[pavement & (material != Material.WATER)] = Material.PAVED
        for offset, half, surface in streets:
            is_street = offset < half
            material[is_street] = surface[is_street].astype(np.uint8)
            lane[is_street] = np.minimum(offset, lane)[is_street]
        return lane

    def to_ground(self, uv: np.ndarray) -> np.ndarray:
        """Return the ground coordinates (N×2) of grid coordinates (N×2), with the warp undone."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        ground = uv @ turn
        if self.warp is None:
            return ground
        # The warp is smooth, so one step of fixed-point iteration is exact enough.
        column, row = self.frame.nearest(ground)
        return (uv - self.warp[:, row, column].T) @ turn
