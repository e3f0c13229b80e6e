"""A folder of maps of surface models, and ``manifest.json``, which says how they were made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthda.depth.map_folder import DepthMapFolder
from depthda.depth.surface.model import SurfaceGrid, world_file
from depthda.depth.surface.write import world_path
from depthda.errors import UserError

MANIFEST = 'manifest.json'
_ENCODING = 'height = low + (high - low) * code / 65535; code 0 = no depth'


class SurfaceFolder(DepthMapFolder):
    """A folder of maps of surface models, which recognises those of its settings.

    The range of heights is taken from ``percentiles``; if they are None, it is given.
    """

    name = unfinished = MANIFEST
    keys = ('settings', 'range')
    kind = 'maps of surface models'
    advice = 'name another folder with --out'

    def __init__(
        self, root: Path, settings: Mapping[str, Any], percentiles: Sequence[float] | None
    ) -> None:
        content = {'encoding': _ENCODING, 'settings': dict(settings), 'range': None, 'maps': {}}
        super().__init__(root, content)
        self._percentiles = percentiles and list(percentiles)

    @property
    def range(self) -> dict[str, Any] | None:
        """The range of heights: ``low``, ``high``, ``percentiles``, ``surfaces``."""
        return self.content['range']

    def decisive(self) -> object:
        """Return everything that decides a map, except its surface model."""
        return [self.content['settings'], self.range['low'], self.range['high']]

    def open(self) -> None:
        """Take the range of the manifest that is there, and remove what was left half written."""
        before = super().open()
        self.content['range'] = before and before['range']
        self.remove_strays()

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse a manifest that has other settings, or whose range is of other percentiles."""
        super().check(before)
        old, new = before['range']['percentiles'], self._percentiles
        # A range that is given may be the one that percentiles once gave.
        if old is not None and new is not None:
            self.compare({'percentiles': old}, {'percentiles': new})

    def set_range(self, low: float, high: float, surfaces: str | None = None) -> None:
        """Take this range, and begin the manifest; maps of another range are refused.

        ``surfaces`` identifies the surface models of the percentiles; None: the range is given.
        """
        before = self.range
        old_low, old_high = (before['low'], before['high']) if before else (low, high)
        if (old_low, old_high) != (low, high):
            raise UserError(
                f'the maps in {self.root} go from {old_low!r} to {old_high!r}, and now it would be '
                f'{low!r} to {high!r}: keep to --range {old_low!r} {old_high!r}, or {self.advice}.'
            )
        # A range that is given again keeps what is known of where it came from.
        if before is None or surfaces is not None:
            percentiles = self._percentiles if surfaces else None
            source = {'percentiles': percentiles, 'surfaces': surfaces}
            self.content['range'] = {'low': low, 'high': high, **source}
        if self.range != before:
            self.write()

    def is_done(self, name: str, grid: SurfaceGrid, identity: Mapping[str, Any]) -> bool:
        """Return whether the map is there, whole, of these settings and this surface model."""
        if not super().is_done(name, {'input': identity, 'size': [grid.width, grid.height]}):
            return False
        world = world_path(self.root / f'{name}.png')
        return (world.read_text() if world.is_file() else None) == world_file(grid)

    def all_entries(self) -> dict[str, Any]:
        """Return the entries of all maps, sorted by name."""
        return dict(sorted(super().all_entries().items()))
