"""Names of configs, tables and rows that have changed; the old ones work for one release.

A finished run is recognised by the content of its configs, so a new name does not lose it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from depthda.config_files import config_folder, find_config
from depthda.console import warn

_DRDG = ('drdg', 'drdg_as-released', 'rdg', 'rdg_as-released')
_DRDG += tuple(f'ablations/drdg_{name}' for name in ('text-channels', 'wo-dccl', 'wo-dsl'))
_ISPRS = ('', '-pairs-896x896', '-reversed', '-translated', '-translated-reversed')
_LOSSES = 'rdg_cyclegan-losses'  # CycleGAN's losses on RDG's networks
_ABLATIONS = {'depth-only': 'wo-contrast-wo-refinement', 'depth-alone': 'wo-optical'}

# Old and new name of each file, in the folder of the configs.
FILES = {
    f'drdg/{name}_potsdam-irrg2vaihingen.py': f'drdg/{name}_potsdam2vaihingen.py' for name in _DRDG
}
FILES['drdg/drdg_vaihingen-irrg2potsdam-irrg.py'] = 'drdg/drdg_vaihingen2potsdam.py'
FILES |= {
    f'_base_/datasets/potsdam-irrg2vaihingen-irrg{part}-512x512.py': (
        f'_base_/datasets/potsdam2vaihingen{part}-512x512.py'
    )
    for part in _ISPRS
}
FILES |= {
    f'_base_/datasets/vaihingen-irrg2potsdam-irrg-{part}.py': (
        f'_base_/datasets/vaihingen2potsdam-{part}.py'
    )
    for part in ('512x512', 'pairs-512x512-896x896', 'translated-512x512')
}
FILES |= {
    f'depth_guided/ablations/{old}_1xb4-40k_loveda-u2r-512x512.py': (
        f'depth_guided/ablations/{new}_1xb4-40k_loveda-u2r-512x512.py'
    )
    for old, new in _ABLATIONS.items()
}
# Their former names now suggest CycleGAN itself, which is cyclegan_resnet9.
FILES |= {
    f'drdg/cyclegan_{pair}.py': f'drdg/{_LOSSES}_potsdam2vaihingen.py'
    for pair in ('potsdam-irrg2vaihingen', 'potsdam2vaihingen')
}
FILES |= {
    f'sample/cyclegan_tiny_{direction}.py': f'sample/{_LOSSES}_tiny_{direction}.py'
    for direction in ('u2r', 'r2u')
}
FILES |= {
    '_base_/models/cyclegan_unet.py': f'_base_/models/{_LOSSES}.py',
    '_base_/models/cyclegan_tiny.py': f'_base_/models/{_LOSSES}_tiny.py',
}
FILES |= {f'tables/depthseg-{number}.py': f'tables/depthseg-table{number}.py' for number in (1, 2)}

# Old and new name of each row, by the table's name.
ROWS = {
    'depth-guided': {
        f'{old}-{direction}': f'{new}-{direction}'
        for old, new in _ABLATIONS.items()
        for direction in ('u2r', 'r2u')
    }
}


def current_path(path: str | Path) -> Path:
    """Return the file that ``path`` names now, with a warning if the name is an old one."""
    path = find_config(path)
    if path.exists():
        return path
    absolute = os.path.abspath(path)
    for old, new in FILES.items():
        renamed = absolute.removesuffix(old) + new
        if absolute.endswith(os.sep + old) and os.path.isfile(renamed):
            warn(
                f'{path} has been renamed to {new}: use the new name, because the old one works '
                'for one release only.'
            )
            return Path(renamed)
    return path


def current_row(table: str, row: str) -> str:
    """Return the name that a row of a table has now, with a warning if ``row`` is an old one."""
    renamed = ROWS.get(table, {}).get(row)
    if renamed:
        warn(
            f'row {row} has been renamed to {renamed}: use the new name, because the old one works '
            'for one release only.'
        )
    return renamed or row


def former_names(table: str, row: str) -> tuple[str, str]:
    """Return the names that a table and its row had before; folders of runs may have them."""
    before = next((Path(o).stem for o, n in FILES.items() if n == f'tables/{table}.py'), table)
    rows = {new: old for old, new in ROWS.get(table, {}).items()}
    return before, rows.get(row, row)


def first_name(word: str) -> str:
    """Return a word of a command line with the original name of the config that it names.

    Runs are identified by original names, so that a run keeps its identity under a new name.
    """
    return next(
        (word.removesuffix(new) + old for old, new in FILES.items() if word.endswith(f'/{new}')),
        word,
    )


@contextmanager
def renamed_bases() -> Iterator[None]:
    """Let mmengine find bases by their old names, and those of the package without their folder.

    So a config outside the checkout can set ``_base_ = 'sample/depthda_tiny_u2r.py'``.
    """
    before = Config._get_cfg_path

    def find(base: str, file: str) -> tuple[str, str | None]:
        path, scope = before(base, file)
        packaged = config_folder() / base
        if not os.path.exists(path) and packaged.is_file():
            return str(packaged), scope
        current = current_path(path)
        return (path if current == Path(path) else str(current)), scope

    Config._get_cfg_path = staticmethod(find)
    try:
        yield
    finally:
        Config._get_cfg_path = staticmethod(before)
