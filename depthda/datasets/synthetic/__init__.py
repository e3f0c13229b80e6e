"""The built-in synthetic world: two domains of images, labels, heights and relative depth."""

from .config import PARTS, make_world
from .world import generate_tile
from .writer import write_sample

__all__ = ['PARTS', 'generate_tile', 'make_world', 'write_sample']
