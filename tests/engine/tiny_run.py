"""The configs that the tests of training and testing run."""

from pathlib import Path

CONFIGS = Path(__file__).parents[2] / 'configs' / 'sample'
CONFIG = CONFIGS / 'depthda_tiny_u2r.py'
# Of the configs that adapt, those without RareClassTiles.
EVERY_TILE = ('adaptsegnet_upernet', 'cbst_upernet')
