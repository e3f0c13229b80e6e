"""Rows that run in seconds, and results as the worker writes them."""

import json
import subprocess
from typing import Any

from depthda.experiments.tables.plan import Run
from depthda.io.files import write_json

SHORT = {
    'train_cfg.max_iters': 2,
    'train_cfg.val_interval': 2,
    'default_hooks.checkpoint.interval': 2,
    'train_dataloader.batch_size': 2,
    'param_scheduler.0.end': 1,
    'param_scheduler.1.begin': 1,
    'param_scheduler.1.end': 2,
}


def tiny(name: str = 'rgb', config: str = 'upernet_tiny_u2r', **fields) -> dict[str, Any]:
    """Return a row that runs in seconds."""
    return dict(
        name=name,
        title=name,
        config=f'configs/sample/{config}.py',
        options=SHORT,
        source='Urban',
        target='Rural',
        sample=dict(train=12, test=2, size=128),
        **fields,
    )


def finish(run: Run, scores: dict[str, float], **fields) -> None:
    """Write a result, as if the run had finished."""
    run.folder.mkdir(parents=True, exist_ok=True)
    result = {
        'state': 'done',
        'scores': scores,
        'headline': 'Rural',
        'tested_on': {'domains': ['Rural']},
        'target_selected': False,
        'protocol': run.row.protocol,
        'commit': 'abc',
        'seconds': 1.0,
    }
    write_json(run.folder / 'result.json', json.loads(json.dumps(result | fields)))


def stand_in_worker(monkeypatch, script: str) -> list[subprocess.Popen]:
    """Replace the worker's process by a short script; ``sys.argv`` holds the run's folders.

    Return a list to which each started process is added.
    """
    start, started = subprocess.Popen, []

    def popen(command, **options):
        if command[1:3] != ['-m', 'depthda.experiments.tables.worker']:
            return start(command, **options)  # git, which reads the commit
        started.append(start([command[0], '-c', script, *command[3:]], **options))
        return started[-1]

    monkeypatch.setattr(subprocess, 'Popen', popen)
    return started
