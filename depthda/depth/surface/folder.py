"""A folder of maps of surface models, and ``manifest.json``, which says how they were made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthda.depth.map_folder import DepthMapFolder
from depthda.depth.surface.model import world_file
from depthda.depth.surface.write import world_path
from depthda.errors import UserError
from depthda.io.grids import Grid

MANIFEST = 'manifest.json'
_ENCODING = 'height = low + (high - low) * code / 65535; code 0 = no depth'


class SurfaceFolder(DepthMapFolder):
    """A folder of maps of surface models, all made with the same settings.

    The range of heights is computed from ``percentiles``. If they are None, the user sets it.
    """

    name = unfinished = MANIFEST
    keys = ('settings', 'range')
    kind = 'maps of surface models'
    advice = 'choose another folder with --out'

    def __init__(
        self, root: Path, settings: Mapping[str, Any], percentiles: Sequence[float] | None
    ) -> None:
        content = {'encoding': _ENCODING, 'settings': dict(settings), 'range': None, 'maps': {}}
        super().__init__(root, content)
        self._percentiles = percentiles and list(percentiles)

    @property
    def range(self) -> dict[str, Any] | None:
        """The range of heights: ``low``, ``high``, ``percentiles``, ``surfaces``; None at first."""
        return self.content['range']

    def decisive(self) -> object:
        """Return everything that determines the content of a map, except its surface model."""
        return [self.content['settings'], self.range['low'], self.range['high']]

    def open(self) -> None:
        """Read the range of an existing manifest, and remove half-written files."""
        before = super().open()
        self.content['range'] = before and before['range']
        self.remove_strays()

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse a manifest with other settings, or with a range of other percentiles."""
        super().check(before)
        old, new = before['range']['percentiles'], self._percentiles
        # A range that the user sets may equal one that was computed from percentiles.
        if old is not None and new is not None:
            self.compare({'percentiles': old}, {'percentiles': new})

    def set_range(self, low: float, high: float, surfaces: str | None = None) -> None:
        """Set the range, and begin the manifest. A folder with another range is refused.

        ``surfaces`` identifies the surface models from which the percentiles were computed; None if
        the user set the range.
        """
        before = self.range
        old_low, old_high = (before['low'], before['high']) if before else (low, high)
        if (old_low, old_high) != (low, high):
            raise UserError(
                f'the maps in {self.root} span {old_low!r} to {old_high!r}, but this run would use '
                f'{low!r} to {high!r}: set --range {old_low!r} {old_high!r}, or {self.advice}.'
            )
        # If the user sets the range that is already recorded, the record of its origin is kept.
        if before is None or surfaces is not None:
            percentiles = self._percentiles if surfaces else None
            source = {'percentiles': percentiles, 'surfaces': surfaces}
            self.content['range'] = {'low': low, 'high': high, **source}
        if self.range != before:
            self.write()

    def is_done(self, name: str, grid: Grid, identity: Mapping[str, Any]) -> bool:
        """Return whether a complete map of this surface model with these settings exists.

        Its world file must match ``grid`` as well.
        """
        if not super().is_done(name, {'input': identity, 'size': [grid.width, grid.height]}):
            return False
        world = world_path(self.root / f'{name}.png')
        return (world.read_text() if world.is_file() else None) == world_file(grid)

    def all_entries(self) -> dict[str, Any]:
        """Return the entries of all maps, sorted by name."""
        return dict(sorted(super().all_entries().items()))
