"""The demo: show in minutes, without a GPU, what relative depth does across domains.

It runs the configs of ``configs/sample/`` as ``depthda run-experiments`` would, so it can be
stopped and started again.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from depthda.config_files import config_folder
from depthda.datasets.loveda import LoveDARGBD
from depthda.errors import UserError
from depthda.evaluation.score_report import format_score
from depthda.evaluation.submission import pack
from depthda.experiments.page.page import make_page
from depthda.experiments.tables.plan import Run, plan_runs
from depthda.experiments.tables.runner import do_runs, make_data
from depthda.experiments.tables.table import Column, Row, Table
from depthda.io.rasters import read_png
from depthda.pictures.panel import PanelRow, draw_panel

SAMPLE = {'train': 100, 'test': 20, 'size': 256}
MODELS = {'upernet': 'RGB only', 'depthda': 'RGB + depth'}
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}


def run_demo(out: str | Path, iterations: int = 300, seed: int = 0, jobs: int = 2) -> None:
    """Make the data, train and test four models, print a table, and write the other results.

    The other results are a picture of predictions, and a submission and a report page for each
    direction.
    """
    started = time.time()
    # Users copy the printed paths: only the terminal may wrap them.
    console = Console(soft_wrap=True)
    out = Path(out)
    directions = _plan(out, iterations, seed)
    runs = [run for pair in directions.values() for run in pair]
    todo = [run for run in runs if run.result is None]
    make_data(todo, jobs)
    # The longer runs start first, so that none of them runs alone at the end.
    failed = do_runs(console, sorted(todo, key=lambda run: run.row.name), jobs)
    if failed:
        run, error = failed[0]
        raise UserError(f'{run.title} failed: {error} (log: {run.folder}/output.log)')

    console.print(_table(runs, seed))
    console.print(
        'The images are synthetic, and the models are tiny and trained from random weights. The'
        '\ndemo checks the mechanism and the commands, and is not evidence about real images.'
    )
    picture = out / 'predictions.png'
    _draw(picture, directions)
    console.print(f'picture     {picture}')
    for direction, (_, with_depth) in directions.items():
        submission = out / f'{direction}.zip'
        pack(with_depth.folder / 'predictions', submission, against=_images(with_depth))
        console.print(f'submission  {submission} (checked, no errors)')
    for direction, pair in directions.items():
        folders, names = zip(*((run.folder, run.row.title) for run in pair), strict=True)
        title = f'{pair[0].row.section} on synthetic tiles: with and without depth'
        page = make_page(folders, out / f'{direction}.html', names, title)
        console.print(f'report      {page.path}')
    console.print(f'done in {time.time() - started:.0f} s')


def _plan(out: Path, iterations: int, seed: int) -> dict[str, list[Run]]:
    lengths = 'train_cfg.max_iters', 'train_cfg.val_interval', 'default_hooks.checkpoint.interval'
    options = dict.fromkeys((*lengths, 'param_scheduler.1.end'), iterations)
    warm_up = ('param_scheduler.0.end', 'param_scheduler.1.begin')
    options |= dict.fromkeys(warm_up, max(iterations // 10, 1))
    rows = []
    for direction, (source, target) in DIRECTIONS.items():
        for model, title in MODELS.items():
            config = str(config_folder() / f'sample/{model}_tiny_{direction}.py')
            shared = dict(section=f'{source} → {target}', target=target, sample=SAMPLE)
            shared |= dict(options=options, checkpoint='last')
            rows.append(Row(f'{model}-{direction}', title, config, **shared))
    table = Table('demo', 'Demo', (Column('mIoU', 'mIoU'),), tuple(rows), worlds=(0,))
    runs = plan_runs(table, out, [seed])
    return {name: [run for run in runs if run.row.name.endswith(name)] for name in DIRECTIONS}


def _images(run: Run) -> Path:
    return run.data / 'Test' / run.row.target / 'images_png'


def _table(runs: Sequence[Run], seed: int) -> RichTable:
    """Return a table with a row per class and a column per run, for 80 characters a line."""
    classes = LoveDARGBD.METAINFO['classes']
    title = f'IoU in % on the domain that was not used in training (training seed {seed})'
    table = RichTable('', title=title, title_style='bold')
    for run in runs:
        table.add_column(f'{run.row.section}\n{run.row.title}', justify='right')
    keys = {name: f'IoU.{name}' for name in classes} | {'mIoU': 'mIoU'}
    for name, key in keys.items():
        scores = [format_score(run.result['scores'].get(key)) for run in runs]
        style = 'bold' if name == 'mIoU' else ''
        table.add_row(name, *scores, style=style, end_section=name == classes[-1])
    return table


def _draw(path: Path, directions: dict[str, list[Run]], tiles: int = 2) -> None:
    """Draw the first tiles of each target test set; tiles are not picked by their scores."""
    rows = []
    for pair in directions.values():
        images = _images(pair[0])
        names = sorted((path.name for path in images.iterdir()), key=lambda n: int(n[:-4]))
        for name in names[:tiles]:
            image = read_png(images / name)[..., ::-1]
            depth = read_png(images.parent / 'rdepth/synthetic' / name)
            # On disk, 0 is no-data and classes start at 1. In uint8, 0 - 1 is 255 (ignored).
            labels = read_png(images.parent / 'masks_png' / name) - 1
            predictions = {r.row.title: read_png(r.folder / 'predictions' / name) for r in pair}
            text = f'{pair[0].row.section}\ntile {name[:-4]}'
            rows.append(PanelRow(text, image, depth, labels, predictions))
    meta = LoveDARGBD.METAINFO
    title = 'Trained on one domain, tested on the other (the first tiles of each test set)'
    draw_panel(path, rows, meta['classes'], meta['palette'], title)
