"""Train and test a config: from the file to weights and scores."""

import os
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from mmseg.registry import METRICS
from torch import nn

from depthda.checkpoints.loading import check_is_checkpoint, latest_checkpoint
from depthda.console import quiet_console, runner_class, show
from depthda.engine import results as outcome
from depthda.engine.checks import data_check
from depthda.engine.checks.build_mistakes import build_mistakes
from depthda.engine.checks.checkpoint_check import check_tested_classes, test_warnings
from depthda.engine.checks.output_check import check_outputs, describe_outputs
from depthda.engine.checks.sample_check import file_warnings
from depthda.engine.checks.start_check import StartCheck, check_config
from depthda.engine.checks.value_check import check_bands, check_evaluation
from depthda.engine.hooks.collapse_hook import ClassThresholdHook, CollapseHook
from depthda.engine.hooks.half_test_hook import HalfTestHook
from depthda.engine.hooks.non_finite_hook import NonFiniteHook
from depthda.engine.overrides import as_list
from depthda.engine.prepare import (
    add_outputs,
    load_config,
    load_test_config,
    prepare,
    set_matmul_precision,
    use_amp,
)
from depthda.engine.resume import Start, find_start
from depthda.engine.run_end import (
    FirstIterationHook,
    explain_removals,
    log_errors,
    log_interrupts,
    remove_outputs_on_mistake,
)
from depthda.engine.summary import SummaryHook
from depthda.errors import UserError
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.io.lock import own_folder
from depthda.models.adaptation.class_thresholds import ClassPortion
from depthda.models.segmentors.depth_guided import DepthGuidedEncoderDecoder
from depthda.models.tensors import unwrapped
from depthda.processes import is_first_process

_last_name = ''  # the name that mmengine gave to the last run of this process


def train(
    config: str | Path,
    work_dir: str | None = None,
    resume: bool = False,
    amp: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> Runner | None:
    """Train a config; return None if the run to resume is already at its last iteration.

    :func:`depthda.engine.resume.find_start` decides where the training starts.
    """
    cfg, start = _load(config, work_dir, resume, amp, cfg_options, launcher)
    if start.finished:
        show(f'nothing to do: {start.checkpoint} is already at the last iteration')
        return None
    lock = nullcontext()
    if is_first_process(launcher):
        # The lock has a name of its own, because a table's worker has already locked the folder.
        advice = 'wait until it ends, or use another --work-dir for this training'
        lock = own_folder(Path(cfg.work_dir), '.training.lock', advice)
    with lock:
        return _train(cfg, start, StartCheck())


def check_training(*args: Any, **options: Any) -> list[str]:
    """Take one training step and validate one sample; return the results and what would be written.

    The arguments are those of :func:`train`. Nothing is left on the disk.
    """
    cfg, start = _load(*args, **options)
    check, work_dir = StartCheck(only=True), cfg.work_dir
    with TemporaryDirectory() as cfg.work_dir:
        runner = _train(cfg, start, check)
    notes = [f'warning: {note}' for note in check.notes]
    return [*check.results, *describe_outputs(runner, cfg, work_dir), *notes]


def _load(
    config, work_dir=None, resume=False, amp=False, cfg_options=None, launcher='none'
) -> tuple[Config, Start]:
    """Return the config of a run and its ``Start``; the arguments are those of :func:`train`."""
    cfg = load_config(config, cfg_options)
    prepare(cfg, config, work_dir, launcher)
    if amp:
        use_amp(cfg)
    data_check.check_classes(cfg)
    check_bands(cfg)
    return cfg, find_start(cfg, resume)


def _train(cfg: Config, start: Start, check: StartCheck) -> Runner:
    check.notes = check_config(cfg, start)
    with quiet_console(), check.watch(cfg), log_errors():
        runner = _build_runner(cfg, start)
        runner.register_hook(check)
        if not check.only:  # the summary would name a check's temporary folder
            runner.register_hook(SummaryHook(start, check.notes))
        model = unwrapped(runner.model)
        add_needed_hooks(runner, model)
        if start.resumed:
            # Every weight comes from the checkpoint, so the pretrained ones are not loaded.
            model.is_init = True
        with log_interrupts(runner), explain_removals(cfg.work_dir, check):
            runner.train()
    return runner


def add_needed_hooks(runner: Runner, model: nn.Module) -> None:
    """Register the hooks that a training needs, unless its config already lists them.

    ``model`` is the runner's model without a distributed wrapper.
    """
    pseudo = getattr(model, 'pseudo', None)
    needed = {
        NonFiniteHook: True,
        CollapseHook: pseudo is not None,
        ClassThresholdHook: isinstance(pseudo, ClassPortion),
    }
    for hook_class, is_needed in needed.items():
        if is_needed and not any(isinstance(hook, hook_class) for hook in runner.hooks):
            runner.register_hook(hook_class())


def test(
    config: str | Path,
    checkpoint: str | Path,
    work_dir: str | None = None,
    out: str | None = None,
    show_dir: str | None = None,
    save_depth: str | None = None,
    submission: str | None = None,
    against: str | None = None,
    tta: bool = False,
    amp: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
) -> dict[str, Any]:
    """Test a checkpoint, and return what is written to ``<work_dir>/metrics.json``.

    The arguments are the options of ``depthda test``.
    """
    if against and not submission:
        raise UserError('--against is used only to check a zip: add --submission FILE.zip.')
    cfg = load_test_config(config, cfg_options)
    prepare(cfg, config, work_dir, launcher)
    check_outputs(cfg, out=out, show_dir=show_dir, save_depth=save_depth)
    notes = _check_test(cfg, config, str(checkpoint))
    if submission and not out:
        out = os.path.join(cfg.work_dir, 'predictions')
    add_outputs(cfg, tta, out, show_dir, save_depth)
    start, begun, started = Start(str(checkpoint)), FirstIterationHook(), time.time()
    set_matmul_precision(cfg)

    with quiet_console(), remove_outputs_on_mistake(cfg, begun), log_errors(), build_mistakes(cfg):
        runner = _build_runner(cfg, start, dump=not _holds_training(cfg))
        runner.register_hook(begun)
        if amp:
            runner.register_hook(HalfTestHook())
        dataset = runner.test_loop.dataloader.dataset
        packing = submission and outcome.foresee_zip(config, dataset, out, submission, against)
        notes += [*data_check.data_warnings(cfg), *outcome.other_maps(out, dataset)]
        runner.register_hook(SummaryHook(start, notes))
        with explain_removals(cfg.work_dir, begun):
            scores = runner.test()
    metrics = runner.test_loop.evaluator.metrics
    metric = next((item for item in metrics if isinstance(item, SegmentationMetric)), None)
    about = outcome.describe_checkpoint(checkpoint, dataset, tta) | (dict(amp=True) if amp else {})
    results = outcome.describe_test(config, cfg_options, about, scores, metric, started)
    if is_main_process():
        outcome.write_results(results, metric, cfg.work_dir, runner.log_dir)
        # Without labels there are maps and no scores.
        maps = f'predicted maps: {out or show_dir or save_depth}'
        show(f'scores: {cfg.work_dir}/metrics.json' if scores else maps)
        if packing:
            packing()
    return results


def _check_test(cfg: Config, config: str | Path, checkpoint: str) -> list[str]:
    """Refuse a config and a checkpoint that cannot be tested; return the warnings about them."""
    if cfg.get('test_dataloader') is None:
        raise UserError(
            f'{config} has no test_dataloader: if it trains a translation, use depthda translate, '
            'and otherwise add a test_dataloader.'
        )
    data_check.check_classes(cfg)
    check_bands(cfg)
    check_evaluation(cfg)
    check_is_checkpoint(checkpoint)
    check_tested_classes(cfg, checkpoint)
    data_check.check_test_headline(cfg)
    data_check.check_depth_images(cfg, ['test'])
    return [*test_warnings(cfg, checkpoint), *file_warnings(cfg, 'test')]


def _holds_training(cfg: Config) -> bool:
    """Return whether the work dir holds the config and checkpoints of a training."""
    dumped = Path(cfg.work_dir, Path(cfg.filename).name).is_file()
    return dumped and latest_checkpoint(cfg.work_dir) is not None


def _build_runner(cfg: Config, start: Start, dump: bool = True) -> Runner:
    """Build the runner, and set its start on the runner itself rather than in its config.

    The config is dumped next to the results. If it held ``load_from`` and ``resume`` of this start,
    training from the dump would continue this run instead of repeating it.
    """
    if start.resumed and cfg.get('load_from') == start.checkpoint:
        cfg.load_from = None
    cfg.resume = False
    _await_a_new_name()
    global _last_name
    runner_type = runner_class(cfg)
    if not dump:
        runner_type.dump_config = lambda runner: None
    try:
        runner = runner_type.from_cfg(cfg)
        _last_name = runner.timestamp
    except Exception:
        # A failed run has used a name, too, and the next run must not use the same.
        _last_name = time.strftime('%Y%m%d_%H%M%S')
        raise
    _drop_unused_logits(runner, cfg)
    runner._load_from, runner._resume = start.checkpoint, start.resumed
    return runner


def _drop_unused_logits(runner: Runner, cfg: Config) -> None:
    """Let the model return label maps without logits if no metric needs logits."""
    model = unwrapped(runner.model)
    model = getattr(model, 'segmentor', model)
    metrics = [*as_list(cfg.get('val_evaluator')), *as_list(cfg.get('test_evaluator'))]
    if isinstance(model, DepthGuidedEncoderDecoder):
        model.keep_logits = not all(
            getattr(METRICS.get(metric['type']), 'labels_suffice', False) for metric in metrics
        )


def _await_a_new_name() -> None:
    """Wait for the next second if the last run of this process began in the current one.

    mmengine names a run by its time in seconds. A run with the name of an earlier one would get
    the log and the records of that run.
    """
    while time.strftime('%Y%m%d_%H%M%S') == _last_name:
        time.sleep(0.05)
