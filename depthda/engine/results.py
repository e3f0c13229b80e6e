"""Write the results of a test: scores, the pixel counts of each image, maps for a server."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from depthda.checkpoints.loading import file_hash, read_meta
from depthda.console import show
from depthda.engine.summary import data_line
from depthda.errors import UserError, few, many
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.evaluation.submission import check_names, pack
from depthda.evaluation.submission_target import official_names
from depthda.evaluation.tile_counts import FILE, save_tiles
from depthda.io.files import write_json
from depthda.provenance import describe_dataset, device_name, git_commit, versions


def describe_test(
    config: str | Path,
    cfg_options: dict[str, Any] | None,
    about: dict[str, Any],
    scores: dict[str, Any],
    metric: SegmentationMetric | None,
    started: float,
) -> dict[str, Any]:
    """Return the content of ``metrics.json``: the scores and everything they depend on.

    ``about`` describes what was tested and on which dataset.
    """
    return {
        'config': str(config),
        'cfg_options': cfg_options or {},
        **about,
        # mmseg's own metric returns NumPy scalars, which JSON cannot hold.
        'scores': {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in scores.items()
        },
        'report': metric and metric.report,
        'versions': versions(),
        'commit': git_commit(),
        'device': device_name(),
        'seconds': round(time.time() - started, 1),
        'finished': datetime.now(timezone.utc).isoformat(timespec='seconds'),
    }


def describe_checkpoint(checkpoint: str | Path, dataset: Any, tta: bool) -> dict[str, Any]:
    """Return what is recorded about a tested checkpoint."""
    meta = read_meta(checkpoint)
    return {
        'checkpoint': {'file': str(checkpoint), 'sha256': file_hash(checkpoint)},
        **{key: meta.get(key) for key in ('selection', 'trained_on', 'initialised_from')},
        'tested_on': describe_dataset(dataset),
        'tta': tta,
        'seed': meta.get('seed'),
    }


def write_results(
    results: dict[str, Any], metric: SegmentationMetric | None, work_dir: str, log_dir: str
) -> None:
    """Write ``metrics.json`` to the work dir and the log folder, and the counts of each image."""
    tiles = Path(work_dir) / FILE
    if metric is not None and metric.tiles is not None:
        save_tiles(tiles, metric.tiles)
    else:
        # A file of an earlier test would seem to belong to this one, so it is removed.
        tiles.unlink(missing_ok=True)
    write_json(Path(log_dir) / 'metrics.json', results)
    write_json(Path(work_dir) / 'metrics.json', results)


def _file_names(dataset: Any) -> list[str]:
    paths = (dataset.get_data_info(i)['img_path'] for i in range(len(dataset)))
    return [f'{Path(path).stem}.png' for path in paths]


def foresee_zip(
    config: str | Path, dataset: Any, out: str, zip_file: str, against: str | None
) -> Callable[[], None]:
    """Refuse a submission that would be incomplete; return the function that packs it.

    A test on both domains is for the track ``seg``. A dataset without any test image of LoveDA is
    refused, unless ``against`` is the folder of its images.
    """
    names, official = _file_names(dataset), official_names('Rural') | official_names('Urban')
    if against is None and official.isdisjoint(names):
        raise UserError(
            f'--submission: {config} tests {data_line(dataset)}, none of which is a test image of '
            'LoveDA: use a config with -server in its name, or name the folder of the test images '
            'with --against DIR.'
        )
    domains = getattr(dataset, 'domains', None) or [getattr(dataset, 'domain', None)]
    track = 'seg' if len(domains) > 1 else 'uda'
    domain = None if against or track == 'seg' else domains[0]
    target = dict(domain=domain, against=against, track=track)
    check_names(names, out, zip_file, **target)

    def packing() -> None:
        pack(out, zip_file, **target)
        show(f'checked submission: {zip_file}')

    return packing


def other_maps(out: str | None, dataset: Any) -> Iterator[str]:
    """Yield a warning if the folder ``out`` holds maps of images that the test does not predict."""
    existing = {path.name for path in Path(out).glob('*.png')} if out else set()
    if existing and (others := sorted(existing - set(_file_names(dataset)))):
        yield (
            f'--out {out} already contains {many(len(others), "PNG file")} of images that this '
            f'test does not predict ({few(others)}): use another folder to keep the maps of this '
            'test separate.'
        )
