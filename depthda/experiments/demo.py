"""The first run: what relative depth does across domains, in minutes, without a GPU.

It runs the configs of ``configs/sample/`` as ``tools/run_experiments.py`` would: it can be stopped
and started again.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from depthda.config_files import config_folder
from depthda.datasets.loveda import LoveDARGBD
from depthda.errors import UserError
from depthda.evaluation.submission import pack
from depthda.experiments.page import make_page
from depthda.experiments.pictures.panel import PanelRow, draw_panel
from depthda.experiments.tables.plan import Run, plan_runs
from depthda.experiments.tables.runner import do_runs, make_data
from depthda.experiments.tables.table import Column, Row, Table

SAMPLE = {'train': 100, 'test': 20, 'size': 256}
MODELS = {'upernet': 'RGB only', 'depthda': 'RGB + depth'}
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}


@dataclass(frozen=True)
class Trial:
    """A model in a direction, trained and tested."""

    model: str
    direction: str
    run: Run

    @property
    def title(self) -> str:
        source, target = DIRECTIONS[self.direction]
        return f'{source} → {target}, {MODELS[self.model]}'


def run_demo(out: str | Path, iterations: int = 300, seed: int = 0, jobs: int = 2) -> None:
    """Make the set, train and test the four models; show table, picture, zips and report."""
    started = time.time()
    # Paths are for copying: a terminal may wrap them, this does not.
    console = Console(soft_wrap=True)
    out = Path(out)
    trials = _plan(out, iterations, seed)
    todo = [trial.run for trial in trials if trial.run.result is None]
    make_data(console, todo, jobs)
    # The longer runs first, so that none is left alone at the end.
    failed = do_runs(console, sorted(todo, key=lambda run: run.row.name), jobs)
    if failed:
        run, error = failed[0]
        raise UserError(f'{run.title} failed: {error} (log: {run.folder}/output.log)')

    console.print(_table(trials, seed))
    console.print(
        'Synthetic images, tiny models, random weights: a check of the mechanism and the commands,'
        '\nnot evidence about real images.'
    )
    picture = out / 'predictions.png'
    _draw(picture, trials)
    console.print(f'picture     {picture}')
    for trial in trials:
        if trial.model == 'depthda':
            submission = out / f'{trial.direction}.zip'
            pack(trial.run.folder / 'predictions', submission, against=_images(trial))
            console.print(f'submission  {submission} (checked, no fault)')
    for direction, (source, target) in DIRECTIONS.items():
        own = [trial for trial in trials if trial.direction == direction]
        page = make_page(
            [trial.run.folder for trial in own],
            out / f'{direction}.html',
            names=[MODELS[trial.model] for trial in own],
            title=f'{source} → {target} on synthetic tiles: with and without depth',
        )
        console.print(f'report      {page.path}')
    console.print(f'done in {time.time() - started:.0f} s')


def _plan(out: Path, iterations: int, seed: int) -> list[Trial]:
    warm_up = max(iterations // 10, 1)
    length = {
        'train_cfg.max_iters': iterations,
        'train_cfg.val_interval': iterations,
        'default_hooks.checkpoint.interval': iterations,
        'param_scheduler.0.end': warm_up,
        'param_scheduler.1.begin': warm_up,
        'param_scheduler.1.end': iterations,
    }
    rows = {
        (model, direction): Row(
            name=f'{model}-{direction}',
            title=MODELS[model],
            config=str(config_folder() / f'sample/{model}_tiny_{direction}.py'),
            options=length,
            checkpoint='last',
            sample=SAMPLE,
        )
        for direction in DIRECTIONS
        for model in MODELS
    }
    table = Table('demo', 'Demo', (Column('mIoU', 'mIoU'),), tuple(rows.values()), worlds=(0,))
    runs = {run.row.name: run for run in plan_runs(table, out, [seed])}
    return [Trial(*key, runs[row.name]) for key, row in rows.items()]


def _images(trial: Trial) -> Path:
    return trial.run.data / 'Test' / DIRECTIONS[trial.direction][1] / 'images_png'


def _table(trials: list[Trial], seed: int) -> RichTable:
    """Classes down, runs across: it fits 80 columns."""
    classes = LoveDARGBD.METAINFO['classes']
    table = RichTable(
        title=f'IoU in % on the domain that was not trained on (training seed {seed})',
        title_style='bold',
    )
    table.add_column('')
    for trial in trials:
        table.add_column(trial.title.replace(', ', '\n'), justify='right')
    keys = {name: f'IoU.{name}' for name in classes} | {'mIoU': 'mIoU'}
    for name, key in keys.items():
        figures = [trial.run.result['scores'].get(key) for trial in trials]
        table.add_row(
            name,
            *['–' if figure is None else f'{figure:.2f}' for figure in figures],
            style='bold' if name == 'mIoU' else '',
            end_section=name == classes[-1],
        )
    return table


def _draw(path: Path, trials: list[Trial], tiles: int = 2) -> None:
    """The first tiles of each target test set: not chosen."""
    rows = []
    for direction, (source, target) in DIRECTIONS.items():
        own = [trial for trial in trials if trial.direction == direction]
        images = _images(own[0])
        names = sorted((path.name for path in images.iterdir()), key=lambda n: int(n[:-4]))
        for name in names[:tiles]:
            # 0 is no-data on disk; one less is the class, and 255 what is not counted.
            truth = _read(images.parent / 'masks_png' / name) - 1
            predictions = {
                MODELS[trial.model]: _read(trial.run.folder / 'predictions' / name) for trial in own
            }
            image = cv2.imread(str(images / name))[..., ::-1]
            depth = _read(images.parent / 'rdepth/synthetic' / name)
            label = f'{source} → {target}\ntile {name[:-4]}'
            rows.append(PanelRow(label, image, depth, truth, predictions))
    meta = LoveDARGBD.METAINFO
    title = 'Trained on one domain, shown the other (first tiles of each test set, not chosen)'
    draw_panel(path, rows, meta['classes'], meta['palette'], title)


def _read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
