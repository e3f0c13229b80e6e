"""Maps that a test writes: what lies in their folder already, and whether a server takes them."""

from pathlib import Path
from typing import Any

from depthda.engine.summary import data_line
from depthda.errors import UserError
from depthda.evaluation.submission_target import official_names


def file_names(dataset: Any) -> list[str]:
    """Names that the predictions of a data set get."""
    paths = (dataset.get_data_info(i)['img_path'] for i in range(len(dataset)))
    return [f'{Path(path).stem}.png' for path in paths]


def challenge(
    config: str | Path, dataset: Any, names: list[str], against: str | None
) -> tuple[str | None, str]:
    """The domain and the track of a submission: both domains are the segmentation challenge.

    A set that has no image of LoveDA's test is refused, unless ``against`` names its images.
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
    """A warning if the folder of the maps holds maps of other images."""
    there = {path.name for path in Path(out).glob('*.png')} if out else set()
    if not (others := sorted(there - set(names))):
        return []
    shown = ', '.join(others[:3]) + (', …' if len(others) > 3 else '')
    return [
        f'--out {out} holds {len(others)} PNG of images that this test does not predict ({shown}): '
        'give another folder to keep the maps of this test apart.'
    ]
