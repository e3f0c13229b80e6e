"""Tested runs on disk: find them, read them, and check that they were tested on the same images."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.config import Config

from depthda.checkpoints.loading import file_hash
from depthda.errors import UserError, few, many
from depthda.evaluation.confusion import scores
from depthda.evaluation.tile_counts import FILE, TileCounts, load_tiles
from depthda.experiments.protocol import judge
from depthda.io.files import read_json
from depthda.io.scalars import read_scalars


@dataclass(frozen=True, eq=False)
class TestedRun:
    """A run that has been tested: what comparisons and report pages are made from."""

    __test__ = False  # pytest must not collect this class as a test

    folder: Path  # holds metrics.json
    name: str  # on report pages
    world: int | None  # seed of the synthetic world; None for a run on other data
    seed: int | None  # seed of the training
    metrics: Mapping[str, Any]  # the content of metrics.json
    tiles: TileCounts | None  # None if the test did not write any

    @property
    def report(self) -> dict[str, Any]:
        return self.metrics['report']

    @property
    def classes(self) -> list[str]:
        return self.report['classes']

    @property
    def protocol(self) -> dict[str, Any]:
        return judge(self.metrics)

    @property
    def tested(self) -> datetime:
        """When the test ended, in local time; for old results, the time of ``metrics.json``."""
        if finished := self.metrics.get('finished'):
            return datetime.fromisoformat(finished).astimezone()
        return datetime.fromtimestamp((self.folder / 'metrics.json').stat().st_mtime)

    @cached_property
    def training_folder(self) -> Path:
        """The folder of the tested checkpoint if it holds a training log, or else the run's own."""
        for path in self._checkpoints():
            if any(path.parent.glob('*/vis_data/scalars.json')):
                return path.parent
        return self.folder

    @cached_property
    def outdated(self) -> str:
        """A warning if other weights replaced the checkpoint after the test, or else ``''``."""
        path = next((path for path in self._checkpoints() if path.is_file()), None)
        if path is None or path.stat().st_mtime <= self.tested.timestamp():
            return ''
        # A newer file may be a copy of the same weights, so the content decides.
        if self.metrics['checkpoint'].get('sha256') in (None, file_hash(path)):
            return ''
        return 'was tested before its checkpoint was overwritten: test the run again.'

    def _checkpoints(self) -> Iterator[Path]:
        """Yield the paths where the file of the tested checkpoint may be."""
        checkpoint = (self.metrics.get('checkpoint') or {}).get('file')
        # A relative path starts at the folder where the test was started, usually one of those
        # above the run. The current folder comes last: from there, the path may name another run.
        for start in (*self.folder.absolute().parents, Path()) if checkpoint else ():
            yield start / checkpoint

    @cached_property
    def training(self) -> Config | None:
        """The config of the latest training, as mmengine dumped it; None if there is none."""
        logs = self.training_folder.glob('*/vis_data/scalars.json')
        configs = (log.with_name('config.py') for log in logs)
        latest = max((path for path in configs if path.is_file()), default=None)
        return latest and Config.fromfile(latest, import_custom_modules=False)

    @cached_property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        return read_scalars(self.training_folder)

    @cached_property
    def config(self) -> Config:
        """The config of the latest test (or training), as mmengine dumped it."""
        paths = sorted(self.folder.glob('*/vis_data/config.py'), reverse=True)
        paths.append(self.folder / f'{Path(str(self.metrics["config"])).stem}.py')
        if not paths[0].is_file():
            raise UserError(
                f'{self.folder} has no dumped config (*/vis_data/config.py), so its images cannot '
                'be located: restore the config to this folder, or test the run again.'
            )
        return Config.fromfile(paths[0])

    @cached_property
    def keys(self) -> list[str]:
        """A key for each tested image: its path below the common folder of all tested images.

        The keys do not depend on where a machine keeps the dataset.
        """
        names = [str(name) for name in self.tiles.names]
        if len(names) == 1:
            return [os.path.basename(names[0])]
        shared = os.path.commonpath([os.path.dirname(name) for name in names])
        return [Path(os.path.relpath(name, shared)).as_posix() for name in names]

    @cached_property
    def tile_scores(self) -> dict[str, float]:
        """The mIoU of each tile by its key, over the classes in its labels or prediction.

        It is NaN for tiles outside the headline group and for tiles without any such class.
        """
        headline = {str(name) for name in self.tiles.group(self.report['headline']).names}
        mious = (scores(counts[:-1]).means()['mIoU'] for counts in self.tiles.counts)
        return {
            key: float('nan') if value is None or str(name) not in headline else value
            for key, name, value in zip(self.keys, self.tiles.names, mious, strict=True)
        }

    def on(self, group: str) -> 'TestedRun':
        """Return the run with only the images of one group, sorted by domain, split and name."""
        try:
            tiles = self.tiles.group(group)
        except UserError as error:
            raise UserError(f'{self.folder}: {error}') from error
        names = tiles.identities()
        order = sorted(range(len(tiles)), key=names.__getitem__)
        return replace(self, tiles=tiles[order])


def name_pair(world: int | None, seed: int | None) -> str:
    """Name a run by its world, if it has one, and its seed."""
    name = 'an unknown seed' if seed is None else f'seed {seed}'
    return name if world is None else f'world {world}, {name}'


def find_runs(folder: Path) -> list[Path]:
    """Return the folders of tested runs: ``folder`` itself, or those up to two levels below it.

    The sub-folders of a run are not searched.
    """
    if not folder.is_dir():
        raise UserError(f'there is no folder {folder}: name a tested run, or a folder of runs.')
    level, runs = [folder], []
    for _ in range(3):
        tested = [path for path in level if (path / 'metrics.json').is_file()]
        runs += tested
        others = [path for path in level if path not in tested]
        level = [sub for path in others for sub in sorted(path.iterdir()) if sub.is_dir()]
    if not runs:
        raise UserError(
            f'{folder} contains no tested run (no metrics.json): test the run first with depthda '
            'test.'
        )
    return runs


def load_run(folder: Path, name: str = '') -> TestedRun:
    """Read a run. World and seed come from ``result.json`` if a table's runner has written it."""
    metrics = read_json(folder / 'metrics.json')
    report = metrics.get('report')
    if report is None:
        raise UserError(
            f'{folder} was tested on images without labels (the server protocol), so it has no '
            'scores: use a run that was tested on labelled images.'
        )
    tiles = load_tiles(folder / FILE) if (folder / FILE).is_file() else None
    if tiles is not None:
        counted = tiles.group(report['headline']).counts[:, :-1].sum(0).tolist()
        if counted != report['groups'][report['headline']]['confusion_matrix']:
            raise UserError(
                f'{FILE} and metrics.json in {folder} are from different tests: test the run again.'
            )
    result = read_json(folder / 'result.json') or {'world': None, 'seed': metrics.get('seed')}
    return TestedRun(folder, name, result['world'], result['seed'], metrics, tiles)


def check_same_images(one: TestedRun, other: TestedRun) -> None:
    """Refuse two runs (as :meth:`TestedRun.on` returns them) with different images or labels."""
    folders = f'{one.folder} and {other.folder}'
    first, second = (run.tiles.classes.tolist() for run in (one, other))
    if first != second:
        raise UserError(
            f'{folders} have different classes ({first} and {second}): test both with the same '
            'classes.'
        )
    first, second = (run.tiles.identities() for run in (one, other))
    if first != second:
        shown = few('/'.join(filter(None, name)) for name in sorted({*first} ^ {*second}) or first)
        raise UserError(
            f'{folders} were not tested on the same images ({len(first)} and {len(second)} images; '
            f'only in one of them: {shown}): test both on the same dataset.'
        )
    # Labels do not depend on the model, so both runs must have counted the same ones. Images of
    # two synthetic worlds have the same names, but different labels.
    differs = (one.tiles.counts.sum(2) != other.tiles.counts.sum(2)).any(1)
    if differs.any():
        raise UserError(
            f'{folders} were tested with different labels for '
            f'{many(int(differs.sum()), "image")} (such as {one.tiles.names[differs.argmax()]}): '
            'test both on the same dataset with the same protocol.'
        )
