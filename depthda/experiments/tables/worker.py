"""Do runs: ``python -m depthda.experiments.tables.worker RUN_FOLDER…``, started by the runner.

Each folder holds ``run.json``; the output of its steps goes to ``output.log``. The worker writes
``result.json`` after the last step, or ``failed.json`` as soon as a step fails. A stopped run is
continued: finished steps are not repeated, and an unfinished training resumes.
"""

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from depthda.checkpoints.loading import file_hash, latest_checkpoint
from depthda.errors import UserError
from depthda.experiments.protocol import judge
from depthda.experiments.tables.configs import resolve
from depthda.io.files import last_lines, read_json, write_json
from depthda.io.lock import locked
from depthda.io.tuples import restored
from depthda.provenance import device_name, git_commit, versions


def main(folders: list[str]) -> None:
    """Do the runs one after another; each writes its result or its error to its folder."""
    threading.Thread(target=_stop_with_the_runner, daemon=True).start()
    for folder in folders:
        _do(Path(folder))


def _stop_with_the_runner() -> None:
    # The runner holds the other end of this pipe, which closes even if the runner is killed.
    while os.read(0, 4096):
        pass
    os._exit(3)


def _do(folder: Path) -> None:
    with locked(folder) as free:
        if not free or (folder / 'result.json').is_file():
            return
        with open(folder / 'output.log', 'a', encoding='utf-8') as log:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
                os.dup2(log.fileno(), stream.fileno())
        try:
            _run(folder)
        # The only place that catches every error: a failure must not stop the runs after it.
        except Exception as error:
            # For a mistake of the user, the message is enough; a traceback would not help.
            trace = None if isinstance(error, UserError) else traceback.format_exc()
            kind = '' if trace is None else f'{type(error).__name__}: '
            sentence = ' '.join(f'{kind}{error}'.split())
            print(trace or f'error: {sentence}')
            write_json(folder / 'failed.json', {'error': sentence, 'output': trace})
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _run(folder: Path) -> None:
    plan = restored(json.loads((folder / 'run.json').read_text()))
    state = read_json(folder / 'steps.json') or {'done': 0, 'seconds': 0.0, 'started': _now()}
    for step in plan['steps'][state['done'] :]:
        begun = time.monotonic()
        _step(folder, plan, step)
        state['done'] += 1
        state['seconds'] += time.monotonic() - begun
        write_json(folder / 'steps.json', state)
    result = {'state': 'done', 'scores': {}}
    result |= {key: plan[key] for key in ('table', 'row', 'world', 'seed', 'hash', 'sample')}
    result |= {} if plan['protocol'] == 'pretraining' else _scores(folder, plan)
    result |= {
        'versions': versions(),
        'commit': git_commit(),
        'hardware': {'device': device_name(), 'cores': os.cpu_count()},
        'started': state['started'],
        'finished': _now(),
        'seconds': round(state['seconds'], 1),
    }
    write_json(folder / 'result.json', result)


def _scores(folder: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Return the scores of a run, and the protocol that decides what they may be compared with."""
    metrics = read_json(folder / 'metrics.json')
    if metrics is None:
        raise UserError(
            f'the steps of row {plan["row"]!r} end without a test: add a test step in the table.'
        )
    verdict = judge(metrics)
    if verdict['protocol'] != plan['protocol']:
        raise UserError(
            f'row {plan["row"]!r} is declared {plan["protocol"]!r}, but its test uses the '
            f'{verdict["protocol"]!r} protocol: correct the protocol of the row, or its config.'
        )
    archive = max(folder.glob('*.zip'), default=None)
    return {
        'state': 'done' if metrics['report'] else 'awaiting score',
        'scores': metrics['scores'],
        'headline': (metrics['report'] or {}).get('headline'),
        **{key: metrics[key] for key in ('checkpoint', 'selection', 'trained_on', 'tested_on')},
        **verdict,
        'submission': archive and archive.name,
        'submission_sha256': archive and file_hash(archive),
    }


def _step(folder: Path, plan: dict[str, Any], step: dict[str, Any]) -> None:
    values = {'run': folder, 'data': plan['data'], 'seed': plan['seed']}
    values['pretrained'] = plan.get('pretrained') and _pretrained(Path(plan['pretrained']))
    if step['tool']:
        words = [str(resolve({'': word}, values)['']) for word in step['tool']]
        # tools/NAME.py runs as `depthda NAME`, also where there is no folder tools/.
        tool = Path(words[0])
        command = ['-m', 'depthda', tool.stem] if tool.parts[0] == 'tools' else [words[0]]
        status = subprocess.run([sys.executable, *command, *words[1:]]).returncode
        if status:
            last = ''.join(last_lines(folder / 'output.log', 1))
            raise UserError(f'{" ".join(words)} failed with status {status}: {last}')
        return
    from depthda.engine.launch import test, train
    from depthda.engine.prepare import load_config

    options = resolve(step['options'], values)
    if step['train']:
        train(step['train'], str(folder / step['name']), resume=True, cfg_options=options)
        return
    checkpoint = _checkpoint(folder / step['of'], step)
    settings = dict(work_dir=str(folder), out=str(folder / 'predictions'), tta=step['tta'])
    if not load_config(step['test'], options).test_evaluator:
        # The images have no labels. The name of the zip records the run and the weights.
        name = f'{plan["row"]}_{folder.name}_{file_hash(checkpoint)}.zip'
        settings['submission'] = str(folder / name)
        if step['against']:  # the test images that the zip must match
            settings['against'] = resolve({'': step['against']}, values)['']
    test(step['test'], checkpoint, cfg_options=options, **settings)


def _pretrained(folder: Path) -> Path:
    """Wait for the process that trains a pretraining, and return its checkpoint."""
    while not (folder / 'result.json').is_file():
        with locked(folder) as free:
            if free and not (folder / 'result.json').is_file():
                raise UserError(
                    f'the pretraining in {folder} stopped: read its output.log and run the '
                    'command again.'
                )
        time.sleep(1)
    if (checkpoint := latest_checkpoint(folder)) is None:
        raise UserError(
            f'{folder} no longer has a checkpoint: remove its result.json and run the '
            'command again.'
        )
    return checkpoint


def _checkpoint(folder: Path, step: dict[str, Any]) -> Path:
    """Return the best checkpoint if the training kept one, unless the row requires the last."""
    best = max(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime, default=None)
    if step['checkpoint'] == 'best' and not best:
        raise UserError(f'{folder} has no best checkpoint: set default_hooks.checkpoint.save_best.')
    checkpoint = best if best and step['checkpoint'] != 'last' else latest_checkpoint(folder)
    if checkpoint is None:
        raise UserError(f'{folder} has no checkpoint: check the training step before the test.')
    return checkpoint


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


if __name__ == '__main__':
    main(sys.argv[1:])
