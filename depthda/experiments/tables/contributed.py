"""Contributed results: read, check and write the scores that other people computed for a row.

``results/TABLE/ROW_NAME.json`` has the scores that one person computed for a row, for every seed
and world, with the confusion matrices behind them. Scores of the challenge server have none.
"""

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
from depthda.experiments.tested_run import name_pair
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
    rows = {row.name: [run for run in runs if run.row.name == row.name] for row in table.rows}
    complete = {name: own for name, own in rows.items() if own and all(run.result for run in own)}
    if not complete:
        raise UserError(
            '--contribute: no row has a finished run for each seed and world: finish a row first.'
        )
    for name, own in complete.items():
        path = out / table.name / f'{name}_{by}.json'
        first = own[0].result
        content = dict(table=table.name, row=name, by=by, commit=first['commit'])
        content |= dict(device=first['hardware']['device'], versions=first['versions'])
        content['runs'] = [_describe(run) for run in own]
        if commits := {run.result['commit'] for run in own} - {first['commit']}:
            raise UserError(
                f'the runs of {name} were made with different commits ({first["commit"]} and '
                f'{commits.pop()}): run all of them with one commit.'
            )
        check_content(path, content, table)
        write_json(path, content)
        yield path


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
    table = config_folder() / f'tables/{path.parent.name}.py'
    if not table.is_file():
        raise UserError(
            f'{path}: there is no table {table.stem!r}: put the file into the folder of its table.'
        )
    content = read_json(path, _ADVICE)
    check_content(path, content, load_table(table))
    return content


def check_content(path: Path, content: Any, table: Table) -> None:
    """Refuse incomplete results, results of another protocol, and scores without their matrix."""
    if fault := next(_faults(path, content, table), None):
        raise UserError(f'{fault}.')


def _faults(path: Path, content: Any, table: Table) -> Iterator[str]:
    """Yield what is wrong with a file of results; each check relies on those before it."""
    keys = content.keys() if isinstance(content, dict) else ()
    if missing := _KEYS.difference(keys):
        yield f'{path} lacks {", ".join(sorted(missing))}: {_ADVICE}'
    by, commit, runs, name = (content[key] for key in ('by', 'commit', 'runs', 'row'))
    folder, stem = content['table'], f'{name}_{by}'
    if (path.parent.name, path.stem) != (folder, stem):
        yield f'{path} holds the results of row {name} by {by}: rename it to {folder}/{stem}.json'
    row = table.row(name)
    if not _COMMIT.fullmatch(str(commit)):
        advice = 'run committed code, so that others can repeat the run'
        yield f'{path} was made with commit {commit!r}: {advice}'
    for run in runs:
        if missing := _RUN_KEYS - run.keys():
            yield f'{path}: a run lacks {", ".join(sorted(missing))}: {_ADVICE}'
    worlds = table.worlds if row.sample is not None else (None,)
    present = [(run['world'], run['seed']) for run in runs]
    missing = [pair for pair in product(worlds, table.seeds) if pair not in present]
    if missing or len(set(present)) < len(present):
        names = few(name_pair(*pair) for pair in missing)
        fault = f'lacks {names}' if missing else 'has a run twice'
        yield f'{path} {fault}: include each run of the table once'
    for run in runs:
        yield from _faults_of_run(f'{path}, {name_pair(run["world"], run["seed"])}', run, row)


def _faults_of_run(label: str, run: Mapping[str, Any], row: Row) -> Iterator[str]:
    if run['protocol'] != row.protocol:
        fault = f'the protocol is {run["protocol"]!r}, but the row has {row.protocol!r}'
        yield f'{label}: {fault}: contribute runs of the same protocol'
    if row.protocol == 'server':
        classes = [value for name, value in run['scores'].items() if name.startswith('IoU.')]
        if not run.get('submission_sha256') or not classes:
            fault = 'the hash of the submission or the IoU of the classes is missing'
            yield f'{label}: {fault}: {_ADVICE}'
        expected = {'mIoU': mean(classes)}
    else:
        if run['headline'] not in run['matrices']:
            yield f'{label}: there is no confusion matrix of {run["headline"]}: {_ADVICE}'
        count = len(run['classes'] or ())
        for group, matrix in run['matrices'].items():
            if {len(matrix), *map(len, matrix)} != {count}:
                shape = f'{many(count, "row")} and as many columns, one for each class'
                yield f'{label}: the confusion matrix of {group} does not have {shape}: {_ADVICE}'
        expected = _recomputed(run)
        if missing := run['scores'].keys() - expected:
            yield f'{label}: the confusion matrices do not yield {few(sorted(missing))}: {_ADVICE}'
    for name, value in expected.items():
        score = run['scores'].get(name)
        if score is None or not math.isclose(score, value, abs_tol=_TOLERANCES[row.protocol]):
            shown = 'missing' if score is None else f'{score:.2f}'
            fault = f'{name} is {shown}, but its recomputed value is {value:.2f}'
            yield f'{label}: {fault}: {_ADVICE}'


def _recomputed(run: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores computed from the matrices of a run, under their logged names."""
    values = {}
    for group, matrix in run['matrices'].items():
        recomputed = scores(matrix)
        prefix = '' if group == run['headline'] else f'{group}/'
        values |= {f'{prefix}{name}': value for name, value in recomputed.means().items()}
        for name, iou, f1 in zip(run['classes'], recomputed.iou, recomputed.f1, strict=True):
            values |= {f'{prefix}IoU.{name}': iou, f'{prefix}F1.{name}': f1}
    return {name: value for name, value in values.items() if value is not None}


def read_contributed(table: Table) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the checked results of a table, by person and row."""
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted((results_folder() / table.name).glob('*.json')):
        content = check_results(path)
        results.setdefault(content['by'], {})[content['row']] = content
    return results
