"""Contributed results: read, check and write the scores that other people computed for a row.

``results/TABLE/ROW_NAME.json`` has the scores of every seed and world of a row by one person, with
the confusion matrices behind them. Scores of the challenge server have no matrices.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from depthda.config_files import config_folder
from depthda.errors import UserError, few, many
from depthda.evaluation.confusion import mean, scores
from depthda.experiments.tables.plan import Run
from depthda.experiments.tables.table import Row, Table, load_table
from depthda.io.files import read_json, write_json

_NAME = re.compile(r'[a-z0-9][a-z0-9-]*')
_COMMIT = re.compile(r'[0-9a-f]{7,40}')
_FACTS = ('hash', 'headline', 'tested_on', 'target_selected', 'protocol', 'scores', 'seconds')
_RUN_KEYS = {'world', 'seed', 'classes', 'matrices', *_FACTS}
_TOLERANCES = {'local': 1e-6, 'server': 0.011}  # the server rounds to two decimals
_KEYS = {'table', 'row', 'by', 'commit', 'device', 'versions', 'runs'}
_ADVICE = 'write the file with --contribute'


def results_folder() -> Path:
    """Return the folder of contributed results, which only a checkout has."""
    return config_folder().parent / 'results'


def contribute(table: Table, runs: Sequence[Run], by: str, out: Path) -> Iterator[Path]:
    """Write a file for each row whose runs have all finished, and yield its path."""
    if not _NAME.fullmatch(by):
        raise UserError(f'--contribute {by}: use lower-case letters, digits and hyphens only.')
    complete = False
    for row in table.rows:
        own = [run for run in runs if run.row.name == row.name]
        if own and all(run.result for run in own):
            path = out / table.name / f'{row.name}_{by}.json'
            first = own[0].result
            content = dict(table=table.name, row=row.name, by=by, commit=first['commit'])
            content |= dict(device=first['hardware']['device'], versions=first['versions'])
            content['runs'] = [_describe(run) for run in own]
            if commits := {run.result['commit'] for run in own} - {first['commit']}:
                raise UserError(
                    f'the runs of {row.name} were made with different commits ({first["commit"]} '
                    f'and {commits.pop()}): run all of them with one commit.'
                )
            check_content(path, content, table)
            write_json(path, content)
            complete = True
            yield path
    if not complete:
        raise UserError(
            '--contribute: no row has a finished run for each seed and world: finish a row first.'
        )


def _describe(run: Run) -> dict[str, Any]:
    result = run.result
    report = (read_json(run.folder / 'metrics.json') or {}).get('report') or {}
    if report.get('aggregate', 'global') != 'global':
        raise UserError(
            f'{run.title} averages its scores over batches, so they do not follow from a confusion '
            "matrix: set aggregate='global' in SegmentationMetric."
        )
    groups = report.get('groups', {}).items()
    described = dict(world=run.world, seed=run.seed, **{key: result.get(key) for key in _FACTS})
    described['classes'] = report.get('classes')
    described['matrices'] = {name: group['confusion_matrix'] for name, group in groups}
    return described | {'submission_sha256': result.get('submission_sha256')}


def check_results(path: str | Path) -> dict[str, Any]:
    """Return the content of a file of results; refuse scores that its matrices do not yield."""
    path = Path(path)
    tables = config_folder() / 'tables'
    if not (tables / f'{path.parent.name}.py').is_file():
        raise UserError(
            f'{path}: there is no table {path.parent.name!r}: put the file into the folder of its '
            'table.'
        )
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{path} cannot be read as JSON ({error}): {_ADVICE}.') from error
    check_content(path, content, load_table(tables / f'{path.parent.name}.py'))
    return content


def check_content(path: Path, content: Any, table: Table) -> None:
    """Refuse incomplete results, results of another protocol, and scores without their matrix."""
    keys = content.keys() if isinstance(content, dict) else ()
    if missing := _KEYS.difference(keys):
        raise UserError(f'{path} lacks {", ".join(sorted(missing))}: {_ADVICE}.')
    folder, stem = content['table'], f'{content["row"]}_{content["by"]}'
    if (path.parent.name, path.stem) != (folder, stem):
        raise UserError(
            f'{path} holds the results of row {content["row"]} by {content["by"]}: rename it to '
            f'{folder}/{stem}.json.'
        )
    row = table.row(content['row'])
    if not _COMMIT.fullmatch(str(content['commit'])):
        raise UserError(
            f'{path} was made with commit {content["commit"]!r}: run committed code, so that '
            'others can repeat the run.'
        )
    runs = content['runs']
    for run in runs:
        if missing := _RUN_KEYS - run.keys():
            raise UserError(f'{path}: a run lacks {", ".join(sorted(missing))}: {_ADVICE}.')
    worlds = table.worlds if row.sample is not None else (None,)
    present = [(run['world'], run['seed']) for run in runs]
    missing = [pair for pair in product(worlds, table.seeds) if pair not in present]
    if missing or len(set(present)) < len(present):
        fault = f'lacks {few(_title(*pair) for pair in missing)}' if missing else 'has a run twice'
        raise UserError(f'{path} {fault}: include each run of the table once.')
    for run in runs:
        _check_run(f'{path}, {_title(run["world"], run["seed"])}', run, row)


def _check_run(label: str, run: Mapping[str, Any], row: Row) -> None:
    if run['protocol'] != row.protocol:
        raise UserError(
            f'{label}: the protocol is {run["protocol"]!r}, but the row has {row.protocol!r}: '
            'contribute runs of the same protocol.'
        )
    if row.protocol == 'server':
        classes = [value for name, value in run['scores'].items() if name.startswith('IoU.')]
        if not run.get('submission_sha256') or not classes:
            raise UserError(
                f'{label}: the hash of the submission or the IoU of the classes is missing: '
                f'{_ADVICE}.'
            )
        expected = {'mIoU': mean(classes)}
    else:
        if run['headline'] not in run['matrices']:
            raise UserError(
                f'{label}: there is no confusion matrix of {run["headline"]}: {_ADVICE}.'
            )
        expected = _recomputed(label, run)
        if missing := run['scores'].keys() - expected:
            raise UserError(
                f'{label}: no confusion matrix contains {few(sorted(missing))}: {_ADVICE}.'
            )
    for name, value in expected.items():
        score = run['scores'].get(name)
        if score is None or not math.isclose(score, value, abs_tol=_TOLERANCES[row.protocol]):
            shown = 'missing' if score is None else f'{score:.2f}'
            raise UserError(
                f'{label}: {name} is {shown}, but its recomputed value is {value:.2f}: {_ADVICE}.'
            )


def _recomputed(label: str, run: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores computed from the matrices of a run, under their logged names."""
    classes, values = run['classes'] or [], {}
    for group, matrix in run['matrices'].items():
        if len(matrix) != len(classes) or any(len(line) != len(classes) for line in matrix):
            raise UserError(
                f'{label}: the confusion matrix of {group} does not have '
                f'{many(len(classes), "row")} and as many columns, one for each class: {_ADVICE}.'
            )
        recomputed = scores(matrix)
        prefix = '' if group == run['headline'] else f'{group}/'
        values |= {f'{prefix}{name}': value for name, value in recomputed.means().items()}
        for name, iou, f1 in zip(classes, recomputed.iou, recomputed.f1, strict=True):
            values |= {f'{prefix}IoU.{name}': iou, f'{prefix}F1.{name}': f1}
    return {name: value for name, value in values.items() if value is not None}


def read_contributed(table: Table) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the checked results of a table, by person and row."""
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted((results_folder() / table.name).glob('*.json')):
        content = check_results(path)
        results.setdefault(content['by'], {})[content['row']] = content
    return results


def _title(world: int | None, seed: int) -> str:
    return f'seed {seed}' if world is None else f'world {world}, seed {seed}'
