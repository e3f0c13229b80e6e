"""Audit a model: how much do its scores depend on depth, and on the choice of its checkpoint?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from rich.table import Table

from depthda.console import wide_console
from depthda.engine.prepare import load_config
from depthda.engine.score_predictions import score_predictions
from depthda.errors import UserError, check_count, many
from depthda.evaluation.score_report import format_score
from depthda.experiments.audit import audit_page, variants
from depthda.experiments.audit.audit_page import Findings, certain, limits
from depthda.experiments.audit.variants import AS_IS, VARIANTS
from depthda.experiments.comparison.compare import compare
from depthda.experiments.page.html import number
from depthda.experiments.selection import Choice, choices
from depthda.experiments.tested_run import TestedRun, load_run
from depthda.io.files import write_json
from depthda.processes import is_first_process

_FEW_TILES = 20


def audit(
    config: str | Path,
    checkpoint: str | Path | None = None,
    predictions: Mapping[str, str] | None = None,
    kinds: Sequence[str] = tuple(VARIANTS),
    work_dir: str | None = None,
    block: int = 1,
    command: Sequence[str] | None = None,
    **test_options: Any,
) -> Findings | None:
    """Test with each variant of depth, and write ``audit.html`` and ``audit.json``.

    Both go to ``<work_dir>/audit``, next to a folder for each test. The arguments are the options
    of ``depthda audit``; ``test_options`` are passed to :func:`~.variants.test_variants`. The page
    shows ``command``. Only the main process of several returns the findings.
    """
    options = test_options.get('cfg_options')
    cfg = load_config(config, options)
    root = Path(work_dir or cfg.get('work_dir') or f'work_dirs/{Path(config).stem}') / 'audit'
    kinds = list(dict.fromkeys([AS_IS, *(predictions or kinds)]))
    if len(kinds) < 2:
        raise UserError('an audit compares variants: name at least one in addition to as-is.')
    check_count('--block', block)
    if predictions:
        variants.check_predictions(predictions)
    else:
        variants.check_test(cfg, config, test_options.get('tta', False))
    # torch.distributed is not initialised before the first test, so it cannot tell the rank here.
    if is_first_process(test_options.get('launcher', 'none')):
        variants.remove_earlier(root)
    if predictions:
        for kind, maps in predictions.items():
            score_predictions(config, maps, str(root / kind), cfg_options=options)
    else:
        variants.test_variants(config, checkpoint, kinds, root, **test_options)
    if not is_main_process():
        return None
    findings = find(root, kinds, block, bool(predictions) or variants.reads_depth(cfg))
    console = wide_console()
    console.print(_table(findings))
    for sentence in findings.sentences:
        console.print(sentence, highlight=False, markup=False)
    described = [choice.describe() for choice in findings.choices]
    content = dict(sentences=list(findings.sentences), scores=findings.run.metrics['scores'])
    content |= dict(differences=findings.differences, choices=described)
    write_json(root / 'audit.json', content)
    audit_page.write(findings, root / 'audit.html', command)
    console.print(f'page: {root / "audit.html"}', highlight=False, markup=False)
    return findings


def find(root: Path, kinds: Sequence[str], block: int = 1, reads: bool = True) -> Findings:
    """Compare each test below ``root`` with the test that keeps the depth map.

    ``reads`` is whether the model reads depth during a test.
    """
    run = load_run(root / AS_IS, AS_IS)
    differences = {kind: compare(root / AS_IS, root / kind, block=block) for kind in kinds[1:]}
    others = [load_run(root / kind) for kind in differences]
    unused = all((run.tiles.counts == other.tiles.counts).all() for other in others)
    chosen = choices(run)
    first = _depth_sentence(differences, unused, reads)
    tiles = next(iter(differences.values()))['tiles'][0]
    sentences = [first]
    if 'grey' in differences and VARIANTS['grey'].words not in first and 'not use' not in first:
        change = interval(differences['grey']['mIoU'])
        sentences.append(f'A grey copy of the image in place of the map changes mIoU by {change}.')
    if tiles < _FEW_TILES:
        number_of_tiles = many(tiles, 'tile')
        sentences.append(f'The test has only {number_of_tiles}, so the intervals are too narrow.')
    if run.metrics['checkpoint'] is not None:
        sentences.append(_choice_sentence(run, chosen))
    return Findings(run, differences, unused, chosen, sentences)


def _depth_sentence(differences: Mapping[str, Mapping], unused: bool, reads: bool) -> str:
    if unused and not reads:
        return 'This model reads no depth during a test.'
    if unused:
        return 'This model does not use depth: no replacement of the map changes a pixel count.'
    rows = {kind: result['mIoU'] for kind, result in differences.items()}
    gains = {kind: row['difference'] for kind, row in rows.items()}
    losses = [kind for kind, row in rows.items() if certain(row) and gains[kind] < 0]
    if losses:
        kind = min(losses, key=gains.get)
        classes = {k: v['difference'] for k, v in differences[kind]['per_class'].items() if v}
        name = min(classes, key=classes.get)
        return (
            f'This model relies on depth: with {VARIANTS[kind].words}, mIoU falls '
            f'{_change(rows[kind])}, and the IoU of {name} falls most '
            f'({number(classes[name], sign=True)}).'
        )
    highest, lowest = max(gains, key=gains.get), min(gains, key=gains.get)
    if certain(rows[highest]):
        return (
            f'Depth harms this model on these images: with {VARIANTS[highest].words}, mIoU rises '
            f'{_change(rows[highest])}.'
        )
    return (
        'The audit shows no clear use of depth: even the lowest mIoU, with '
        f'{VARIANTS[lowest].words}, differs by no more than the choice of tiles could explain '
        f'({interval(rows[lowest])}).'
    )


def _change(row: Mapping[str, Any]) -> str:
    return f'from {row["a"]:.2f} to {row["b"]:.2f} ({interval(row)})'


def _choice_sentence(run: TestedRun, chosen: Sequence[Choice]) -> str:
    selected = run.protocol['target_selected']
    own = ' The tested checkpoint was chosen in this way.' if selected else ''
    for choice in chosen:
        if choice.optimism is not None:
            rule = 'the last one' if choice.chosen_on_source is None else 'it on the source'
            return (
                f'Choosing the checkpoint on target labels gives {choice.best_on_target:.2f} mIoU '
                f'({number(choice.optimism, sign=True)} compared with choosing {rule}).{own}'
            )
    return (
        'The log does not show what choosing the checkpoint on target labels would gain: validate '
        f'on both source and target.{own}'
    )


def interval(row: Mapping[str, Any]) -> str:
    """Return a difference and its interval over tiles as text."""
    shown = number(row['difference'], sign=True)
    return shown if row['over_tiles']['low'] is None else f'{shown} {limits(row)}'


def _table(findings: Findings) -> Table:
    table = Table('IoU in %', title='What depth does for this model', title_style='bold')
    table.add_column(AS_IS, justify='right')
    for kind in findings.differences:
        table.add_column(f'{kind} −\n{AS_IS}', justify='right')
    first = next(iter(findings.differences.values()))
    for name in (*first['per_class'], 'mIoU'):
        rows = [
            result['mIoU'] if name == 'mIoU' else result['per_class'][name]
            for result in findings.differences.values()
        ]
        base = next((row['a'] for row in rows if row), None)
        cells = [format_score(row and row['difference'], '+') for row in rows]
        table.add_row(name, format_score(base), *cells, style='bold' if name == 'mIoU' else '')
    return table
