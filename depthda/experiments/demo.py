"""The first run: what relative depth does across domains, in minutes, without a GPU.

It drives the real commands, as a user would type them: ``tools/train.py`` and ``tools/test.py`` on
the configs of ``configs/sample/``.
"""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from depthda.datasets.loveda import LoveDARGBD
from depthda.datasets.synthetic import make_world, write_sample
from depthda.datasets.synthetic.writer import plan
from depthda.errors import UserError
from depthda.evaluation.submission import review
from depthda.experiments.panel import PanelRow, draw_panel

ROOT = Path(__file__).parents[2]
TILES = {'Train': 100, 'Val': 0, 'Test': 20}
MODELS = {'upernet': 'RGB only', 'depthda': 'RGB + depth'}
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}


@dataclass(frozen=True)
class Run:
    """One training and its test on the other domain."""

    model: str
    direction: str

    @property
    def name(self) -> str:
        return f'{self.model}_tiny_{self.direction}'

    @property
    def title(self) -> str:
        source, target = DIRECTIONS[self.direction]
        return f'{source} → {target}, {MODELS[self.model]}'


RUNS = [Run(model, direction) for direction in DIRECTIONS for model in MODELS]


def run_demo(out: str | Path, iterations: int = 300, seed: int = 0, jobs: int = 2) -> None:
    """Make the set, train and test the four models, show the table, the picture and the zip."""
    started = time.time()
    # Paths are for copying: a terminal may wrap them, this does not.
    console = Console(soft_wrap=True)
    out, data = Path(out), Path(out) / 'data'
    with Progress(
        TextColumn('{task.description:32}'),
        BarColumn(),
        TextColumn('{task.fields[state]}'),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        _make_data(data, progress, jobs)
        bars = {run: progress.add_task(run.title, total=iterations, state='') for run in RUNS}

        def work(run: Run) -> dict:
            return _train_and_test(run, out, data, iterations, seed, jobs, progress, bars[run])

        with ThreadPoolExecutor(jobs) as pool:
            # The longer runs first, so that none is left alone at the end.
            futures = {run: pool.submit(work, run) for run in sorted(RUNS, key=lambda r: r.model)}
            results = {run: futures[run].result() for run in RUNS}

    console.print(_table(results, seed))
    console.print(
        'Synthetic images, tiny models, random weights: a check of the mechanism and the commands,'
        '\nnot evidence about real images.'
    )
    picture = out / 'predictions.png'
    _draw(picture, out, data)
    console.print(f'picture     {picture}')
    for direction, (_, target) in DIRECTIONS.items():
        submission = out / f'{direction}.zip'
        found = review(submission, against=data / 'Test' / target / 'images_png')
        verdict = 'checked, no fault' if not found.faults else '\n'.join(map(str, found.faults))
        console.print(f'submission  {submission} ({verdict})')
    console.print(f'figures     {out}/*/metrics.json')
    console.print(f'done in {time.time() - started:.0f} s')


def _make_data(data: Path, progress: Progress, jobs: int) -> None:
    world = make_world('v1', ('urban', 'rural'), seed=0, size=256)
    task = progress.add_task('synthetic images', total=len(plan(world, TILES)), state='')
    write_sample(data, world, TILES, jobs, lambda done: progress.update(task, completed=done))
    progress.update(task, completed=len(plan(world, TILES)))


def _train_and_test(
    run: Run,
    out: Path,
    data: Path,
    iterations: int,
    seed: int,
    jobs: int,
    progress: Progress,
    bar: int,
) -> dict:
    """Train, then test on the target: the scores as ``tools/test.py`` wrote them."""
    config = str(ROOT / 'configs' / 'sample' / f'{run.name}.py')
    folder = out / run.name
    _, target = DIRECTIONS[run.direction]
    set_root = [
        f'{loader}_dataloader.dataset.data_root={data}' for loader in ('train', 'val', 'test')
    ]
    warm_up = max(iterations // 10, 1)
    options = [
        *set_root,
        f'randomness.seed={seed}',
        f'train_cfg.max_iters={iterations}',
        f'train_cfg.val_interval={iterations}',
        f'default_hooks.checkpoint.interval={iterations}',
        f'param_scheduler.0.end={warm_up}',
        f'param_scheduler.1.begin={warm_up}',
        f'param_scheduler.1.end={iterations}',
    ]
    common = ['--work-dir', str(folder), '--cfg-options', *options]
    log = out / f'{run.name}.log'

    def follow(line: str) -> None:
        if found := re.search(r'Iter\(train\) \[\s*(\d+)/\d+\].* loss: ([\d.]+)', line):
            progress.update(bar, completed=int(found[1]), state=f'loss {found[2]}')

    progress.reset(bar)
    _command(['tools/train.py', config, *common], log, jobs, follow)
    progress.update(bar, completed=iterations, state='testing')
    test = [
        'tools/test.py',
        config,
        str(folder / f'iter_{iterations}.pth'),
        '--out',
        str(folder / 'predictions'),
    ]
    if run.model == 'depthda':
        against = str(data / 'Test' / target / 'images_png')
        test += ['--submission', str(out / f'{run.direction}.zip'), '--against', against]
    _command([*test, *common], log, jobs, lambda line: None)
    results = json.loads((folder / 'metrics.json').read_text())
    progress.update(bar, state=f'mIoU {results["scores"]["mIoU"]:.2f}')
    return results


def _command(arguments: list[str], log: Path, jobs: int, follow) -> None:
    """Run one of the tools, its output kept in ``log`` and followed line by line."""
    threads = max((os.cpu_count() or 1) // jobs, 1)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / arguments[0]), *arguments[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': str(threads), 'PYTHONUNBUFFERED': '1'},
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    last = ''
    with open(log, 'a', encoding='utf-8') as file, process:
        for line in process.stdout:
            file.write(line)
            follow(line)
            last = line.strip() or last
    if process.returncode:
        raise UserError(f'{arguments[0]} failed ({last}); the whole output is in {log}.')


def _table(results: dict[Run, dict], seed: int) -> Table:
    """Classes down, runs across: it fits 80 columns."""
    classes = next(iter(results.values()))['report']['classes']
    table = Table(
        title=f'IoU in % on the domain that was not trained on (training seed {seed})',
        title_style='bold',
    )
    table.add_column('')
    for run in results:
        table.add_column(run.title.replace(', ', '\n'), justify='right')
    rows = {name: f'IoU.{name}' for name in classes} | {'mIoU': 'mIoU'}
    for name, key in rows.items():
        figures = [result['scores'].get(key) for result in results.values()]
        table.add_row(
            name,
            *['–' if figure is None else f'{figure:.2f}' for figure in figures],
            style='bold' if name == 'mIoU' else '',
            end_section=name == classes[-1],
        )
    return table


def _draw(path: Path, out: Path, data: Path, tiles: int = 2) -> None:
    """The first tiles of each target test set: not chosen."""
    rows = []
    for direction, (source, target) in DIRECTIONS.items():
        folder = data / 'Test' / target
        names = sorted(
            (p.name for p in (folder / 'images_png').iterdir()), key=lambda n: int(n[:-4])
        )
        for name in names[:tiles]:
            # 0 is no-data on disk; one less is the class, and 255 what is not counted.
            truth = cv2.imread(str(folder / 'masks_png' / name), cv2.IMREAD_UNCHANGED) - 1
            predictions = {
                title: cv2.imread(
                    str(out / f'{model}_tiny_{direction}' / 'predictions' / name),
                    cv2.IMREAD_UNCHANGED,
                )
                for model, title in MODELS.items()
            }
            image = cv2.imread(str(folder / 'images_png' / name))[..., ::-1]
            depth = cv2.imread(str(folder / 'rdepth/synthetic' / name), cv2.IMREAD_UNCHANGED)
            label = f'{source} → {target}\ntile {name[:-4]}'
            rows.append(PanelRow(label, image, depth, truth, predictions))
    meta = LoveDARGBD.METAINFO
    title = 'Trained on one domain, shown the other (first tiles of each test set, not chosen)'
    draw_panel(path, rows, meta['classes'], meta['palette'], title)
