"""Find out whether a model uses depth: repeat a test with depth replaced or taken away."""

import functools
import os
from collections.abc import Sequence
from operator import getitem
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from rich.table import Table

from depthda.console import wide_console
from depthda.engine.launch import test
from depthda.engine.prepare import load_config
from depthda.errors import UserError
from depthda.evaluation.score_report import format_score
from depthda.io.files import write_json

# What replaces the depth map: the values of `by` of LoadControlDepth.
KINDS = {'as-is': None, 'zero': 'none', 'flat': 'constant', 'shuffle': 'other-tile'}


def test_depth_use(
    config: str | Path,
    checkpoint: str | Path,
    kinds: Sequence[str],
    work_dir: str | None = None,
    tta: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> dict[str, dict[str, float]]:
    """Test a checkpoint once for each kind of depth; return the scores by kind.

    Each test writes to ``<work_dir>/depth-<kind>``; all scores are printed and written to
    ``<work_dir>/depth-use.json``. A model that scores the same without depth does not use it. One
    that scores worse with another tile's depth than with none relies on it. One that reads no depth
    at all scores the same to the last digit.

    ``kinds`` are any of ``as-is`` (the map), ``zero`` (no depth anywhere), ``flat`` (0.5
    everywhere) and ``shuffle`` (another tile's map). The rest is as in :func:`test`.
    """
    options = cfg_options or {}
    cfg = load_config(config, options)
    root = work_dir or cfg.get('work_dir') or f'work_dirs/{Path(config).stem}'
    pipeline = 'tta_pipeline' if tta else 'test_dataloader.dataset.pipeline'
    scores = {}
    for kind in dict.fromkeys(kinds):
        place = dict(work_dir=os.path.join(root, f'depth-{kind}'), tta=tta, launcher=launcher)
        replaced = {**options, **_replace_depth(cfg, pipeline, KINDS[kind])}
        results = test(config, checkpoint, cfg_options=replaced, **place)
        scores[kind] = results['scores']
    if is_main_process():
        write_json(os.path.join(root, 'depth-use.json'), scores)
        console = wide_console()
        console.print(_table(scores))
        if (cfg.model.get('data_preprocessor') or {}).get('depth') == 'drop':
            console.print("this model reads no depth: its data_preprocessor has depth='drop'")
        elif len(scores) > 1 and all(found == results['scores'] for found in scores.values()):
            console.print('all scores are the same: this model does not use depth')
    return scores


def _replace_depth(cfg: Config, pipeline: str, by: str | None) -> dict[str, str]:
    """Return the overrides that replace depth."""
    steps = [step['type'] for step in functools.reduce(getitem, pipeline.split('.'), cfg)]
    if 'LoadDepth' not in steps:
        raise UserError(
            f'--depth replaces LoadDepth in {pipeline}, but that has none: add LoadDepth to it.'
        )
    step = f'{pipeline}.{steps.index("LoadDepth")}'
    return {} if by is None else {f'{step}.type': 'LoadControlDepth', f'+{step}.by': by}


def _table(scores: dict[str, dict[str, float]]) -> Table:
    first, *others = scores
    table = Table('', title='Use of depth (IoU in %)', title_style='bold')
    for name in (first, *(name for kind in others for name in (kind, f'− {first}'))):
        table.add_column(name, justify='right')
    keys = [key for key in scores[first] if key.startswith('IoU.')] + ['mIoU']
    for key in keys:
        base, *values = (found.get(key) for found in scores.values())
        cells = [format_score(base)]
        for value in values:
            gain = None if None in (value, base) else value - base
            cells += [format_score(value), format_score(gain, '+')]
        style = 'bold' if key == 'mIoU' else ''
        table.add_row(key.removeprefix('IoU.'), *cells, style=style, end_section=key == keys[-2])
    return table
