"""Check the maps that a test writes: their names, their folder, and the server they are for."""

from pathlib import Path
from typing import Any

from depthda.engine.summary import data_line
from depthda.errors import UserError, few
from depthda.evaluation.submission_target import official_names


def file_names(dataset: Any) -> list[str]:
    """Return the file names of a dataset's predictions."""
    paths = (dataset.get_data_info(i)['img_path'] for i in range(len(dataset)))
    return [f'{Path(path).stem}.png' for path in paths]


def challenge(
    config: str | Path, dataset: Any, names: list[str], against: str | None
) -> tuple[str | None, str]:
    """Return the domain and the track of a submission; both domains form the track ``seg``.

    A dataset without any test image of LoveDA is refused, unless ``against`` names its images.
    """
    if against is None and not official_names('Rural').union(official_names('Urban')) & set(names):
        raise UserError(
            f'--submission: {config} tests {data_line(dataset)}, and none of them is a test image '
            'of LoveDA: use a config with -server in its name, or give the folder of the test '
            'images with --against DIR.'
        )
    domains = getattr(dataset, 'domains', None) or [getattr(dataset, 'domain', None)]
    if len(domains) > 1:
        return None, 'seg'
    return (None if against else domains[0]), 'uda'


def other_maps(out: str | None, names: list[str]) -> list[str]:
    """Return a warning if the folder of the maps holds maps of other images."""
    found = {path.name for path in Path(out).glob('*.png')} if out else set()
    if not (others := sorted(found - set(names))):
        return []
    return [
        f'--out {out} holds {len(others)} PNG of images that this test does not predict '
        f'({few(others)}): '
        'give another folder to keep the maps of this test apart.'
    ]
