"""The page of an audit: the sentences, the scores of each variant, and the choice of checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthda.experiments.audit.variants import AS_IS, VARIANTS
from depthda.experiments.page import html
from depthda.experiments.page.head import basis_section, selection_section
from depthda.experiments.page.html import Markup, Section, join, number, tag
from depthda.experiments.page.page import fill, foot
from depthda.experiments.page.runs import name_dataset
from depthda.experiments.selection import Choice
from depthda.experiments.tested_run import TestedRun
from depthda.io.files import atomic_path


class Findings(NamedTuple):
    run: TestedRun  # the test with the depth map as it is
    differences: Mapping[str, Mapping[str, Any]]  # by variant: the variant (B) against ``run`` (A)
    unused: bool  # whether the predictions are the same with every replacement of depth
    choices: Sequence[Choice]  # checkpoints that different rules choose
    sentences: Sequence[str]  # the findings in words


def write(findings: Findings, out: Path, command: Sequence[str] | None) -> None:
    run = findings.run
    title = f'Depth audit of {Path(str(run.metrics["config"])).stem}'
    tested = f'Tested on {name_dataset(run.metrics["tested_on"])}.'
    sentences = [tag('p', sentence, class_='lead') for sentence in findings.sentences]
    top = tag('header', tag('h1', title), sentences, tag('p', tested))
    sections = [_variants(findings), _classes(findings)]
    if run.metrics['checkpoint'] is not None:
        sections.append(selection_section([run]))
    sections.append(basis_section([run]))
    with atomic_path(out) as temporary:
        temporary.write_text(fill(title, top, sections, foot(command, [run])), encoding='utf-8')


def _variants(findings: Findings) -> Section:
    results = {kind: result['mIoU'] for kind, result in findings.differences.items()}
    base = next(iter(results.values()))['a']
    top = max(base, *(row['b'] for row in results.values()))
    rows = [_variant(AS_IS, base, None, top)]
    rows += [_variant(kind, row['b'], row, top) for kind, row in results.items()]
    heads = html.column_heads('variant', 'in place of the map', 'mIoU', 'difference', '95 %', None)
    heads[1] = tag('th', 'in place of the map', scope='col', class_='words')
    text = (
        'The same weights were tested on the same images, with something else in place of the '
        'depth map. The intervals are over tiles (bootstrap). They cover the choice of test tiles, '
        'but not the randomness of training.'
    )
    table = html.table('Variants of depth', heads, rows)
    return html.section('With and without depth', 'variants', tag('p', text), table)


def _variant(kind: str, miou: float, row: Mapping[str, Any] | None, top: float) -> Markup:
    words = tag('td', VARIANTS[kind].words, class_='words')
    difference = number(row and row['difference'], sign=True)
    cells = [tag('td', value) for value in (number(miou), difference, limits(row))]
    bar = html.bars([(0 if row is None else 1, 100 * miou / max(top, 1))])
    return tag('tr', tag('th', kind, scope='row'), words, cells, bar)


def _classes(findings: Findings) -> Section:
    results = findings.differences
    heads = html.column_heads('class', AS_IS, *(f'{kind} − {AS_IS}' for kind in results))
    body = []
    for name in next(iter(results.values()))['per_class']:
        rows = [result['per_class'][name] for result in results.values()]
        base = next((row['a'] for row in rows if row), None)
        cells = [_difference(row) for row in rows]
        body.append(tag('tr', tag('th', name, scope='row'), tag('td', number(base)), cells))
    text = (
        'IoU in %, and its change with each variant. A change is bold if its interval excludes 0, '
        'which happens by chance in one of twenty cases.'
    )
    table = html.table('Change by class', heads, body)
    return html.section('By class', 'classes', tag('p', text), table)


def _difference(row: Mapping[str, Any] | None) -> Markup:
    if row is None:
        return tag('td', html.DASH)
    value = number(row['difference'], sign=True)
    shown = tag('strong', value) if certain(row) else value
    return tag('td', join(shown, tag('br'), tag('span', limits(row), class_='quiet')))


def certain(row: Mapping[str, Any]) -> bool:
    """Return whether the interval over tiles excludes 0."""
    low, high = row['over_tiles']['low'], row['over_tiles']['high']
    return low is not None and (low > 0 or high < 0)


def limits(row: Mapping[str, Any] | None) -> str:
    """Return the interval over tiles as text, or a dash if it is not defined."""
    if row is None or row['over_tiles']['low'] is None:
        return html.DASH
    low, high = (number(row['over_tiles'][end]) for end in ('low', 'high'))
    return f'[{low}, {high}]'
