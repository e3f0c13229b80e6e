"""The runs that a page shows: what their folders hold."""

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from depthda.errors import UserError, many
from depthda.evaluation.confusion import joint_counts, scores
from depthda.evaluation.tile_counts import FILE, TileCounts, load_tiles
from depthda.experiments.pictures.scalars import read_scalars
from depthda.experiments.protocol import judge
from depthda.experiments.tables.training import training_config, training_folder


@dataclass
class Run:
    """A tested run: its folder, and the name it has on the page."""

    folder: Path
    name: str

    @cached_property
    def metrics(self) -> dict[str, Any]:
        path = self.folder / 'metrics.json'
        try:
            found = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise UserError(f'{path} is not JSON ({error}): test this run again.') from error
        if not found.get('report'):
            raise UserError(
                f'{path} has no scores, for its test images have no labels: a page shows runs that '
                'were tested on labelled images.'
            )
        return found

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
        """When the test ended, in local time; older results do not say, their file's time does."""
        if finished := self.metrics.get('finished'):
            return datetime.fromisoformat(finished).astimezone()
        return datetime.fromtimestamp((self.folder / 'metrics.json').stat().st_mtime)

    @cached_property
    def tiles(self) -> TileCounts | None:
        path = self.folder / FILE
        return load_tiles(path) if path.is_file() else None

    @cached_property
    def keys(self) -> list[str]:
        """The tested images by what tells them apart, the same wherever the data lies."""
        names = [str(name) for name in self.tiles.names]
        if len(names) == 1:
            return [os.path.basename(names[0])]
        shared = os.path.commonpath([os.path.dirname(name) for name in names])
        return [Path(os.path.relpath(name, shared)).as_posix() for name in names]

    @cached_property
    def tile_scores(self) -> dict[str, float]:
        """mIoU of each headline tile over the classes in its truth or prediction; else NaN."""
        headline = {str(name) for name in self.tiles.group(self.report['headline']).names}
        found = (scores(counts[:-1]).means()['mIoU'] for counts in self.tiles.counts)
        return {
            key: float('nan') if value is None or str(name) not in headline else value
            for key, name, value in zip(self.keys, self.tiles.names, found, strict=True)
        }

    @cached_property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        return read_scalars(training_folder(self.folder, self.metrics))

    @cached_property
    def training(self) -> Config | None:
        """The config that the checkpoint was trained with, where its training left one."""
        return training_config(self.folder, self.metrics)

    @property
    def dumped(self) -> Path | None:
        """The config of the last test (or training), as mmengine dumped it."""
        found = sorted(self.folder.glob('*/vis_data/config.py'), reverse=True)
        beside = self.folder / f'{Path(str(self.metrics["config"])).stem}.py'
        found += [beside] if beside.is_file() else []
        return found[0] if found else None

    @cached_property
    def config(self) -> Config:
        if self.dumped is None:
            raise UserError(
                f'{self.folder} holds no dumped config (*/vis_data/config.py), which says where '
                'the images are: keep it with the run.'
            )
        return Config.fromfile(self.dumped)

    @property
    def validated_on(self) -> dict[str, Any] | None:
        """The set that scored the run while it trained, as the config has it."""
        if self.training is None or not self.training.get('val_dataloader'):
            return None
        described = self.training.val_dataloader.dataset
        keys = ('type', 'data_root', 'domain', 'split', 'holdout')
        return {key: described[key] for key in keys if described.get(key)}

    def prediction(self, stem: str) -> Path:
        return self.folder / 'predictions' / f'{stem}.png'

    def check_prediction(self, key: str, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Refuse a picture that is not the one the scores were counted on."""
        found = joint_counts(
            torch.from_numpy(prediction), torch.from_numpy(truth), len(self.classes)
        )
        if not np.array_equal(found.numpy(), self.tiles.counts[self.keys.index(key)]):
            raise UserError(
                f'prediction and label of tile {key} are not those that {self.folder} was scored '
                f'on (tiles.npz): test this run again: {self.test_command}'
            )

    @property
    def has_predictions(self) -> bool:
        return (self.folder / 'predictions').is_dir()

    @property
    def test_command(self) -> str:
        """What writes ``tiles.npz`` and the predictions of this run."""
        made, options = self.metrics, self.metrics.get('cfg_options') or {}
        given = made.get('predictions')
        words = ['python', 'tools/test.py', made['config']]
        words += ['--predictions', given['folder']] if given else [made['checkpoint']['file']]
        words += ['--tta'] if made.get('tta') else []
        words += ['--work-dir', str(self.folder)]
        words += [] if given else ['--out', str(self.folder / 'predictions')]
        if options:
            words += ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
        return shlex.join(words)


def open_runs(paths: Sequence[str | Path], names: Sequence[str] | None = None) -> list[Run]:
    """The runs in these folders, or one level below them; all tested on the same images."""
    folders: list[Path] = []
    for path in map(Path, paths):
        found = _tested(path)
        folders += [folder for folder in found if folder not in folders]
    if names and len(names) != len(folders):
        raise UserError(
            f'{many(len(names), "name")} for {many(len(folders), "run")} '
            f'({", ".join(map(str, folders))}): give one name for each.'
        )
    runs = [Run(f, n) for f, n in zip(folders, names or _short_names(folders), strict=True)]
    _check_same_test(runs)
    return runs


def _tested(path: Path) -> list[Path]:
    if not path.is_dir():
        raise UserError(f'there is no folder {path}: give the work_dir of a tested run.')
    if (path / 'metrics.json').is_file():
        return [path]
    if found := sorted(p.parent for p in path.glob('*/metrics.json')):
        return found
    raise UserError(
        f'neither {path} nor a folder in it holds metrics.json: test the run first '
        '(tools/test.py writes it).'
    )


def _short_names(folders: Sequence[Path]) -> list[str]:
    full = [folder.absolute() for folder in folders]
    names = [folder.name for folder in full]
    if len(set(names)) == len(names):
        return names
    shared = os.path.commonpath(full)
    return [os.path.relpath(folder, shared) for folder in full]


def _check_same_test(runs: Sequence[Run]) -> None:
    """One page compares runs on one set of images and classes."""
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        tested = run.metrics['tested_on']
        where = tuple(
            tuple(tested.get(key) or [tested.get(key[:-1])]) for key in ('domains', 'splits')
        )
        groups.setdefault((where, tested['images'], tuple(run.classes)), []).append(run)
    if len(groups) > 1:
        listed = '; '.join(
            f'{" ".join(str(run.folder) for run in members)} on {describe(members[0])}'
            for members in groups.values()
        )
        raise UserError(
            f'these runs were not tested on the same images and classes ({listed}): make one page '
            'for each group.'
        )
    for run in runs[1:]:
        for key in ('headline', 'aggregate'):
            mine, other = run.report[key], runs[0].report[key]
            if mine != other:
                raise UserError(
                    f'the figures of {runs[0].folder} are {other!r} and those of {run.folder} '
                    f'{mine!r}: test both with the same {key}= of SegmentationMetric.'
                )
    counted = [run for run in runs if run.tiles is not None]
    for run in counted[1:]:
        if differing := set(run.keys) ^ set(counted[0].keys):
            raise UserError(
                f'{counted[0].folder} and {run.folder} were tested on different images '
                f'({sorted(differing)[0]} is in one of them only): test both on the same.'
            )
        place = {key: i for i, key in enumerate(run.keys)}
        truth = run.tiles.counts.sum(2)[[place[key] for key in counted[0].keys]]
        # Two sets made alike (two synthetic worlds) have the same names, not the same labels.
        unlike = (truth != counted[0].tiles.counts.sum(2)).any(1)
        if unlike.any():
            raise UserError(
                f'{counted[0].folder} and {run.folder} were tested on different labels '
                f'({counted[0].keys[int(unlike.argmax())]} and others): make a page for each.'
            )


def describe(run: Run) -> str:
    """What a run was tested on, in words."""
    return describe_set(run.metrics['tested_on'])


def describe_set(described: dict[str, Any] | None) -> str:
    """A data set as ``metrics.json`` or a config describes it, in words."""
    if not described:
        return 'not recorded'
    words = []
    for key in ('domain', 'split'):
        value = described.get(f'{key}s') or described.get(key) or []
        words.append(' + '.join([value] if isinstance(value, str) else value))
    holdout = described.get('holdout')
    words.append(f'{holdout["part"]} part' if holdout else '')
    name = ', '.join(filter(None, words)) or str(described.get('data_root') or described['type'])
    return f'{name} ({many(described["images"], "image")})' if 'images' in described else name
