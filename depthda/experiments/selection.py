"""How much a choice of the checkpoint by target labels flatters: three scores of one training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthda.experiments.pictures.scalars import read_scalars
from depthda.experiments.protocol import judge, source_domains, tested_domains
from depthda.experiments.tables.training import training_config, training_folder

Curve = Mapping[int, float]


@dataclass(frozen=True)
class Choice:
    """Target mIoU of the checkpoints that three rules choose; None where a rule cannot be applied.

    Attributes:
        source: What the scores come from, in words.
        best_on_target: The best of all, which target labels chose.
        last: At the end of the training.
        chosen_on_source: Where the score on labelled source images was best.
        steps: The iteration of each of the three.
    """

    source: str
    best_on_target: float | None
    last: float | None
    chosen_on_source: float | None
    steps: tuple[int | None, int | None, int | None] = (None, None, None)

    @property
    def optimism(self) -> float | None:
        """The best on target minus what a rule without target labels gives."""
        honest = self.last if self.chosen_on_source is None else self.chosen_on_source
        if self.best_on_target is None or honest is None:
            return None
        return self.best_on_target - honest


def choices(run: Path, metrics: Mapping[str, Any]) -> list[Choice]:
    """Return the choice by the validation history, and by the tests of the run, where there are."""
    found = (_by_history(run, metrics), _by_tests(run, metrics))
    return [choice for choice in found if choice]


def _by_history(run: Path, metrics: Mapping[str, Any]) -> Choice | None:
    """From validations that scored source and target images apart."""
    tested, trained = tested_domains(metrics), source_domains(metrics)
    curves = dict(read_scalars(training_folder(run, metrics)))
    if 'mIoU' in curves and (name := _headline(run, metrics)):
        curves.setdefault(f'{name}/mIoU', curves['mIoU'])
    target, source = (
        _one([dict(curves[f'{name}/mIoU']) for name in sorted(names) if f'{name}/mIoU' in curves])
        for names in (tested - trained, trained - tested)
    )
    if not target:
        return None
    best = max(target, key=target.__getitem__)
    common = source.keys() & target.keys()
    chosen = max(common, key=lambda step: (source[step], -step), default=None)
    steps = (best, max(target), chosen)
    return Choice(
        'validations while it trained', *(None if s is None else target[s] for s in steps), steps
    )


def _headline(run: Path, metrics: Mapping[str, Any]) -> str | None:
    """The domain whose score a validation logs without a name."""
    cfg = training_config(run, metrics)
    evaluator = (cfg and cfg.get('val_evaluator')) or {}
    first = evaluator[0] if isinstance(evaluator, Sequence) else evaluator
    dataset = (cfg and cfg.get('val_dataloader') or {}).get('dataset') or {}
    if headline := first.get('headline'):
        return headline.split('/')[-1]
    domain = dataset.get('domain')
    names = [domain] if isinstance(domain, str) else list(domain or ())
    return names[0] if len(names) == 1 else None


def _one(curves: list[dict[int, float]]) -> Curve:
    return curves[0] if len(curves) == 1 else {}


def _by_tests(run: Path, metrics: Mapping[str, Any]) -> Choice | None:
    """From several tests of one training on the same images; each keeps its ``metrics.json``."""
    scores: dict[str, float] = {}
    for path in sorted(run.glob('*/metrics.json')):
        found = json.loads(path.read_text(encoding='utf-8'))
        report = found.get('report')
        keys = ('tested_on', 'tta', 'trained_on', 'seed')
        alike = all(found.get(key) == metrics.get(key) for key in keys)
        if not report or not alike or report['headline'] != metrics['report']['headline']:
            continue
        scores[_rule(found)] = report['mIoU']
    rules = [scores.get(rule) for rule in ('target', 'last', 'source')]
    if len(scores) < 2:
        return None
    return Choice('tests of this run', *rules)


def _rule(metrics: Mapping[str, Any]) -> str:
    if judge(metrics)['target_selected']:
        return 'target'
    return 'source' if judge(metrics)['selected_on'] else 'last'
