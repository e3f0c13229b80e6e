"""Does a model use depth? The same test with depth as it is, and with depth taken away."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from rich.table import Table

from depthda.console import wide_console
from depthda.engine.launch import test
from depthda.engine.prepare import load_config
from depthda.errors import UserError
from depthda.io.files import write_json

# What stands in the place of depth, as LoadControlDepth has it.
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
    """Test a checkpoint once for each kind of depth; gives the scores by kind.

    Each test has a folder of its own, ``<work_dir>/depth-<kind>``, and the table of all is printed
    and written to ``<work_dir>/depth-use.json``. A model that scores the same without depth does
    not use it; one that scores worse with another tile's depth than with none trusts it. One that
    reads no depth at all scores the same to the last digit.

    Args:
        config, checkpoint, work_dir, tta, cfg_options, launcher: As :func:`test` has them.
        kinds: Of ``as-is`` (the map), ``zero`` (no depth anywhere), ``flat`` (0.5 everywhere) and
            ``shuffle`` (another tile's map).
    """
    options = cfg_options or {}
    cfg = load_config(config, options)
    root = work_dir or cfg.get('work_dir') or f'work_dirs/{Path(config).stem}'
    pipeline = 'tta_pipeline' if tta else 'test_dataloader.dataset.pipeline'
    scores = {}
    for kind in dict.fromkeys(kinds):
        results = test(
            config,
            checkpoint,
            work_dir=os.path.join(root, f'depth-{kind}'),
            tta=tta,
            cfg_options={**options, **_instead(cfg, pipeline, KINDS[kind])},
            launcher=launcher,
        )
        scores[kind] = results['scores']
    if is_main_process():
        write_json(os.path.join(root, 'depth-use.json'), scores)
        console = wide_console()
        console.print(_table(scores))
        if (cfg.model.get('data_preprocessor') or {}).get('depth') == 'drop':
            console.print("this model reads no depth: its data_preprocessor has depth='drop'")
        elif len(scores) > 1 and all(each == results['scores'] for each in scores.values()):
            console.print('the scores are the same with each: this model does not use depth')
    return scores


def _instead(cfg: Config, pipeline: str, by: str | None) -> dict[str, str]:
    """The overrides that put something else in the place of depth."""
    steps = cfg
    for key in pipeline.split('.'):
        steps = steps[key]
    place = next((i for i, step in enumerate(steps) if step['type'] == 'LoadDepth'), None)
    if place is None:
        raise UserError(f'--depth replaces LoadDepth in {pipeline}, and there is none.')
    if by is None:
        return {}
    return {f'{pipeline}.{place}.type': 'LoadControlDepth', f'+{pipeline}.{place}.by': by}


def _table(scores: dict[str, dict[str, float]]) -> Table:
    first = next(iter(scores))
    table = Table(title='What the model makes of depth (IoU in %)', title_style='bold')
    table.add_column('')
    for kind in scores:
        table.add_column(kind, justify='right')
        if kind != first:
            table.add_column(f'− {first}', justify='right')
    keys = [key for key in scores[first] if key.startswith('IoU.')] + ['mIoU']
    for key in keys:
        cells, before = [], scores[first].get(key)
        for kind, found in scores.items():
            value = found.get(key)
            cells.append('–' if value is None else f'{value:.2f}')
            if kind != first:
                known = None not in (value, before)
                cells.append(f'{value - before:+.2f}' if known else '–')
        style = 'bold' if key == 'mIoU' else ''
        table.add_row(key.removeprefix('IoU.'), *cells, style=style, end_section=key == keys[-2])
    return table
