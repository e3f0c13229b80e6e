"""Score index maps that other code has predicted in the same way as the predictions of a model."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, METRICS, TRANSFORMS

from depthda.console import quiet_console, warn
from depthda.engine.checks.build_mistakes import build_mistakes
from depthda.engine.checks.data_check import check_test_headline
from depthda.engine.checks.output_check import check_outputs
from depthda.engine.overrides import as_list, runtime_dicts
from depthda.engine.prepare import load_config, prepare
from depthda.engine.results import describe_test, write_results
from depthda.errors import UserError
from depthda.evaluation import given_predictions
from depthda.evaluation.prediction_writer import PredictionWriter
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.io.headers import read_header
from depthda.progress import tracked
from depthda.provenance import describe_dataset

# Entries of metrics.json that are not known for maps that other code made.
_UNKNOWN = ('checkpoint', 'selection', 'trained_on', 'initialised_from', 'tta', 'seed', 'device')


def score_predictions(
    config: str | Path,
    predictions: str | Path,
    work_dir: str | None = None,
    show_dir: str | None = None,
    cfg_options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a folder of index maps on the test set of a config, with the metrics of the config.

    The work dir gets the files of a model's test (``metrics.json``, ``tiles.npz``, the maps under
    ``predictions``), so predictions can be compared and shown like runs. All maps are checked
    before anything is written. The arguments are the options of ``depthda test``.
    """
    started = time.time()
    cfg = load_config(config, cfg_options)
    prepare(cfg, config, work_dir, 'none')
    check_outputs(cfg, show_dir=show_dir)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    with build_mistakes(cfg):
        metrics = _metrics(cfg, config)
        check_test_headline(cfg)
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    samples = _Samples(cfg, dataset, predictions)
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = dataset.metainfo
    with quiet_console():
        for sample in tracked('scoring', samples):
            evaluator.process([sample])
        scores = evaluator.evaluate(len(samples))
    if samples.lowest > 0:
        warn(
            f'no pixel in {predictions} has class 0 ({dataset.metainfo["classes"][0]}): if the '
            'maps number their classes from 1, subtract 1 and score them again'
        )
    maps = {'folder': str(predictions), 'files': len(samples), 'sha256': samples.sha256}
    about = {'predictions': maps, **dict.fromkeys(_UNKNOWN), 'tested_on': describe_dataset(dataset)}
    results = describe_test(config, cfg_options, about, scores, metrics[0], started)
    results['device'] = None
    # The maps are copied next to their scores, where a report page looks for them.
    out = Path(cfg.work_dir) / 'predictions'
    copies = None if out.resolve() == Path(predictions).resolve() else str(out)
    if copies or show_dir:
        writer = PredictionWriter(copies, show_dir)
        writer.dataset_meta = dataset.metainfo
        for sample in tracked('writing', samples):
            writer.process(None, [sample])
    write_results(results, metrics[0], cfg.work_dir, _dump(cfg))
    return results


class _Samples:
    """The samples that a metric processes. All maps are checked first, and read again on access."""

    def __init__(self, cfg: Config, dataset: Any, predictions: str | Path) -> None:
        self._infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        parts = [dict(part) for _, part in runtime_dicts(cfg, 'test_dataloader')]
        steps = {part['type']: part for part in parts if 'type' in part}
        labelled = all('seg_map_path' in info for info in self._infos)
        if not labelled or 'LoadAnnotations' not in steps:
            raise UserError(_unlabelled(cfg.filename))
        images = [info['img_path'] for info in self._infos]
        self._paths = given_predictions.find_predictions(predictions, images)
        headers = {path: read_header(path) for path in images}
        if broken := [path for path, header in headers.items() if header is None]:
            raise UserError(f'{broken[0]} is not a complete image: replace it.')
        sizes = [(headers[path].width, headers[path].height) for path in images]
        self.lowest, self.sha256 = given_predictions.check_predictions(
            self._paths, sizes, dataset.metainfo['classes'], partial(tracked, 'checking')
        )
        self._dataset = dataset
        self._load = TRANSFORMS.build(steps['LoadAnnotations'])
        # As in the test of a model, the samples hold only the keys that the pipeline packs.
        self._packed_keys = {'img_path', *steps.get('PackSegInputs', {}).get('meta_keys', ())}

    def __len__(self) -> int:
        return len(self._infos)

    def __getitem__(self, index: int) -> dict[str, Any]:
        info = self._infos[index]
        labels = self._load(dict(info, seg_fields=[]))['gt_seg_map']
        self._dataset.check_labels(labels, info['seg_map_path'])
        prediction = given_predictions.read_prediction(self._paths[index]).astype('int64')
        return {key: info[key] for key in self._packed_keys if key in info} | {
            'gt_sem_seg': {'data': torch.from_numpy(labels.astype('int64'))},
            'pred_sem_seg': {'data': torch.from_numpy(prediction)},
        }


def _metrics(cfg: Config, config: str | Path) -> list[SegmentationMetric]:
    if cfg.get('test_dataloader') is None:
        raise UserError(
            f'{config} has no test_dataloader, so there are no images to score: use a config that '
            'has one.'
        )
    metrics = [METRICS.build(evaluator) for evaluator in as_list(cfg.get('test_evaluator'))]
    metrics = [metric for metric in metrics if isinstance(metric, SegmentationMetric)]
    if not metrics:
        raise UserError(_unlabelled(config))
    return metrics


def _unlabelled(config: str | Path) -> str:
    return (
        f'the test images of {config} have no labels, so predictions cannot be scored: use a '
        'config of the local protocol, or pack the predictions for the server with depthda '
        'submission.'
    )


def _dump(cfg: Config) -> str:
    """Make the log folder of this test with the config in it, as mmengine does; return its path."""
    while (folder := Path(cfg.work_dir) / time.strftime('%Y%m%d_%H%M%S')).exists():
        time.sleep(0.05)
    (folder / 'vis_data').mkdir(parents=True)
    cfg.dump(folder / 'vis_data' / 'config.py')
    return str(folder)
