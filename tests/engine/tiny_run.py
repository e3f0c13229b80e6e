"""The configs that the tests of training and testing run."""

from pathlib import Path

CONFIGS = Path(__file__).parents[2] / 'configs' / 'sample'
CONFIG = CONFIGS / 'depthda_tiny_u2r.py'
# Of the configs that adapt, those without RareClassTiles.
SNAPSHOTS = ('cbst_upernet', 'iast_upernet', 'dca_upernet')
CRITICS = tuple(f'{n}_upernet' for n in ('adaptsegnet', 'transnorm', 'clan', 'fada', 'st-dasegnet'))
EVERY_TILE = (*CRITICS, *SNAPSHOTS, 'pycda_upernet', 'mucss_upernet')
