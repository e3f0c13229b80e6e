"""How much a score gains if target labels choose the checkpoint: three rules, three scores."""

from dataclasses import asdict, dataclass
from typing import Any

from depthda.engine.overrides import as_list
from depthda.experiments.protocol import judge, source_domains, tested_domains
from depthda.experiments.tested_run import TestedRun
from depthda.io.files import read_json


@dataclass(frozen=True)
class Choice:
    """Target mIoU of the checkpoints that three rules choose; None if a rule cannot be applied."""

    source: str  # where the scores come from, in words
    best_on_target: float | None  # rule: best on labelled target images
    last: float | None  # rule: the last checkpoint of the training
    chosen_on_source: float | None  # rule: best on labelled source images
    steps: tuple[int | None, ...] = (None, None, None)  # iterations, in the order of the rules

    @property
    def optimism(self) -> float | None:
        """The best score on the target minus the score of a rule without target labels."""
        fair = self.last if self.chosen_on_source is None else self.chosen_on_source
        if self.best_on_target is None or fair is None:
            return None
        return self.best_on_target - fair

    def describe(self) -> dict[str, Any]:
        return asdict(self) | {'optimism': self.optimism}


def choices(run: TestedRun) -> list[Choice]:
    """Apply the rules to the validation curves of a run and to its tests, where these exist."""
    return [choice for choice in (_by_history(run), _by_tests(run)) if choice]


def _by_history(run: TestedRun) -> Choice | None:
    """Return the choice from validations that scored source and target images separately."""
    tested, trained = tested_domains(run.metrics), source_domains(run.metrics)
    curves = dict(run.curves)
    if 'mIoU' in curves and (name := _headline(run)):
        curves.setdefault(f'{name}/mIoU', curves['mIoU'])
    histories = []
    for names in (tested - trained, trained - tested):
        logged = [dict(curves[f'{name}/mIoU']) for name in names if f'{name}/mIoU' in curves]
        histories.append(logged[0] if len(logged) == 1 else {})
    target, source = histories
    if not target:
        return None
    best = max(target, key=target.__getitem__)
    common = source.keys() & target.keys()
    chosen = max(common, key=lambda step: (source[step], -step), default=None)
    steps = (best, max(target), chosen)
    return Choice('validations during training', *map(target.get, steps), steps)


def _headline(run: TestedRun) -> str | None:
    """Return the domain whose score is logged as ``mIoU``, not as ``<domain>/mIoU``."""
    cfg = run.training or {}
    for evaluator in as_list(cfg.get('val_evaluator'))[:1]:
        if headline := evaluator.get('headline'):
            return headline.split('/')[-1]
    names = as_list(((cfg.get('val_dataloader') or {}).get('dataset') or {}).get('domain'))
    return names[0] if len(names) == 1 else None


def _by_tests(run: TestedRun) -> Choice | None:
    """Return the choice from several tests of one training, which differ in their checkpoint.

    Each test leaves its ``metrics.json`` in a sub-folder of the run.
    """
    scores: dict[str, float] = {}
    for path in sorted(run.folder.glob('*/metrics.json')):
        metrics = read_json(path)
        report = metrics.get('report')
        keys = ('tested_on', 'tta', 'trained_on', 'seed')
        same_test = all(metrics.get(key) == run.metrics.get(key) for key in keys)
        if report and same_test and report['headline'] == run.report['headline']:
            verdict = judge(metrics)
            domain = 'target' if verdict['target_selected'] else 'source'
            scores[domain if verdict['selected_on'] else 'last'] = report['mIoU']
    if len(scores) < 2:
        return None
    return Choice('tests of this run', *(scores.get(rule) for rule in ('target', 'last', 'source')))
