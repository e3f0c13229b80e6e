"""Write the results of a test: ``metrics.json`` and the pixel counts of each image."""

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from depthda.checkpoints.loading import file_hash, read_meta
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.evaluation.tile_counts import FILE, save_tiles
from depthda.io.files import write_json
from depthda.provenance import describe_dataset, device_name, git_commit, versions


def describe_test(
    config: str | Path,
    cfg_options: dict[str, Any] | None,
    checkpoint: str | Path,
    dataset: BaseDataset,
    tta: bool,
    scores: dict[str, Any],
    metric: SegmentationMetric | None,
    started: float,
) -> dict[str, Any]:
    """Return the content of ``metrics.json``: the scores and everything they depend on."""
    meta = read_meta(checkpoint)
    return {
        'config': str(config),
        'cfg_options': cfg_options or {},
        'checkpoint': {'file': str(checkpoint), 'sha256': file_hash(checkpoint)},
        'selection': meta.get('selection'),
        'trained_on': meta.get('trained_on'),
        'initialised_from': meta.get('initialised_from'),
        'tested_on': describe_dataset(dataset),
        'tta': tta,
        'seed': meta.get('seed'),
        'scores': scores,
        'report': metric and metric.report,
        'versions': versions(),
        'commit': git_commit(),
        'device': device_name(),
        'seconds': round(time.time() - started, 1),
        'finished': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }


def write_results(
    results: dict[str, Any], metric: SegmentationMetric | None, work_dir: str, log_dir: str
) -> None:
    """Write ``metrics.json`` to the work dir and the log folder, and the counts of each image."""
    tiles = Path(work_dir) / FILE
    if metric is not None and metric.tiles is not None:
        save_tiles(tiles, metric.tiles)
    else:
        # The file of an earlier test would seem to belong to this one.
        tiles.unlink(missing_ok=True)
    write_json(Path(log_dir) / 'metrics.json', results)
    write_json(Path(work_dir) / 'metrics.json', results)
