"""The built-in synthetic world: two domains of images, masks, heights and relative depth."""

from .config import PARTS, SPLITS, WORLDS, WorldConfig, make_world
from .materials import CLASS_COLOURS, CLASSES
from .world import Tile, generate_tile
from .writer import write_sample

__all__ = [
    'CLASSES',
    'CLASS_COLOURS',
    'PARTS',
    'SPLITS',
    'WORLDS',
    'Tile',
    'WorldConfig',
    'generate_tile',
    'make_world',
    'write_sample',
]
