"""Predict several scenes, one after another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from depthda.console import warn
from depthda.depth.maps import DEPTH_SUFFIXES
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.errors import UserError
from depthda.inference.map_options import MapOptions
from depthda.inference.model import LandCoverModel
from depthda.inference.predict import MapResult, predict_map
from depthda.io.headers import IMAGE_SUFFIXES

_SUFFIXES = (*IMAGE_SUFFIXES, '.vrt', '.jp2')


def predict_scenes(
    model: LandCoverModel,
    scenes: Sequence[str | Path],
    out: str | Path,
    options: MapOptions,
    depth: str | Path | None = None,
    depth_model: str | None = None,
    on_error: str = 'stop',
) -> tuple[list[MapResult], int]:
    """Predict files and folders of files; return the results, and how many scenes failed.

    Args:
        model: The model.
        scenes: Files, or folders whose images are taken.
        out: The map, or with several scenes or a folder the folder of the maps.
        options: How each scene is predicted.
        depth: Depth of the scene; a folder holds depth under the names of the scenes.
        depth_model: Hub id or folder of a model that makes relative depth instead.
        on_error: ``'skip'`` goes on with the next scene after an error.
    """
    jobs = _jobs(scenes, Path(out))
    estimator = None
    if depth_model and model.needs_depth:
        estimator = DepthEstimator.load(depth_model, model.device, option='--depth-model ')
    results, failed = [], 0
    for source, target in jobs:
        try:
            file = _depth_of(source, depth and Path(depth))
            given = replace(options, depth=file)
            results.append(predict_map(model, source, target, given, estimator))
        except UserError as error:
            if on_error == 'stop' or len(jobs) == 1:
                raise
            warn(f'skipped: {error}')
            failed += 1
    return results, failed


def _jobs(scenes: Sequence[str | Path], out: Path) -> list[tuple[Path, Path]]:
    """Return each scene with the file of its map."""
    found: list[tuple[Path, Path]] = []  # a scene, and its name within the folder of the maps
    for path in map(Path, scenes):
        if path.is_dir():
            inside = sorted(p for p in path.rglob('*') if p.suffix.lower() in _SUFFIXES)
            if not inside:
                raise UserError(f'{path} holds no image: give files, or the folder of the scenes.')
            found += [(file, file.relative_to(path).with_suffix('.tif')) for file in inside]
        else:
            found.append((path, Path(path.stem + '.tif')))
    if len(found) == 1 and out.suffix.lower() in ('.tif', '.tiff') and not out.is_dir():
        return [(found[0][0], out)]
    if out.suffix:
        raise UserError(f'--out {out}: there are {len(found)} scenes, so name a folder.')
    names = [name for _, name in found]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f'two scenes would have the map {double}: predict them one by one.')
    return [(file, out / name) for file, name in found]


def _depth_of(source: Path, depth: Path | None) -> Path | None:
    if depth is None or not depth.is_dir():
        return depth
    candidates = [depth / f'{source.stem}{suffix}' for suffix in DEPTH_SUFFIXES]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UserError(f'{depth} holds no depth of {source.name} ({candidates[0].name} or .tif).')
    return found
