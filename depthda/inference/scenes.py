"""Predict several scenes, one after another."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from depthda.console import warn
from depthda.depth.maps import DEPTH_SUFFIXES
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.errors import UserError
from depthda.inference.map_file import class_table
from depthda.inference.map_options import MapOptions
from depthda.inference.model import LandCoverModel
from depthda.inference.predict import MapResult, predict_map
from depthda.io.headers import IMAGE_SUFFIXES
from depthda.processes import Shard

_SUFFIXES = (*IMAGE_SUFFIXES, '.vrt', '.jp2')


def predict_scenes(
    model: LandCoverModel,
    scenes: Sequence[str | Path],
    out: str | Path,
    options: MapOptions,
    depth: str | Path | None = None,
    depth_model: str | None = None,
    on_error: str = 'stop',
    shard: Shard | None = None,
    report: Callable[[MapResult], None] = lambda result: None,
    endings: Sequence[str] = (),
    inputs: Sequence[Path] = (),
) -> tuple[list[MapResult], int]:
    """Predict files and folders of files; return the results, and how many scenes failed.

    Args:
        scenes: Image files, or folders of image files.
        out: The path of the map; for several scenes, the folder of the maps.
        depth: Depth file of the scene, or a folder of depth files with the names of the scenes.
        depth_model: Hub id or folder of a model that estimates relative depth instead.
        on_error: ``'skip'`` continues with the next scene after an error.
        shard: Selects the scenes that this process predicts.
        report: Called with each finished map.
        endings: Endings of the files that ``report`` writes next to a map, such as ``.png``.
        inputs: Files that must not be overwritten, in addition to the scenes and their depth.
    """
    jobs = _jobs(scenes, Path(out))
    depths = [depth] if depth and not Path(depth).is_dir() else []
    inputs = [*map(Path, (*inputs, *depths)), *(source for source, _ in jobs)]
    _check_names([target for _, target in jobs], options, endings, inputs)
    estimator = None
    if depth_model and model.needs_depth:
        estimator = DepthEstimator.load(depth_model, model.device, option='--depth-model ')
    results, failed = [], 0
    for source, target in (shard or Shard()).part(jobs):
        try:
            file = _depth_of(source, depth and Path(depth))
            scene_options = replace(options, depth=file)
            result = predict_map(model, source, target, scene_options, estimator)
            report(result)
            results.append(result)
        except UserError as error:
            if on_error == 'stop' or len(jobs) == 1:
                raise
            warn(f'skipped: {error}')
            failed += 1
    return results, failed


def _check_names(
    maps: Sequence[Path], options: MapOptions, endings: Sequence[str], inputs: Sequence[Path]
) -> None:
    """Refuse files that would overwrite an input, or each other."""
    layers = list(options.layers(1))[1:]
    outputs: list[Path] = []
    for path in maps:
        outputs += [path, class_table(path)]
        outputs += [path.with_name(f'{path.stem}_{name}{path.suffix}') for name in layers]
        outputs += [path.with_name(path.stem + end) for end in endings]
    if duplicate := next((path for path, count in Counter(outputs).items() if count > 1), None):
        raise UserError(f'two scenes would write {duplicate}: predict them one at a time.')
    input_paths = {path.resolve() for path in inputs}
    if path := next((path for path in outputs if path.resolve() in input_paths), None):
        raise UserError(f'{path} is an input and would be overwritten: use another --out.')


def _jobs(scenes: Sequence[str | Path], out: Path) -> list[tuple[Path, Path]]:
    """Return each scene with the path of its map."""
    named: list[tuple[Path, Path]] = []  # each scene, and its name within the folder of the maps
    for path in map(Path, scenes):
        if path.is_dir():
            images = sorted(p for p in path.rglob('*') if p.suffix.lower() in _SUFFIXES)
            if not images:
                raise UserError(f'{path} contains no images: name the folder of the scenes.')
            named += [(file, file.relative_to(path).with_suffix('.tif')) for file in images]
        else:
            named.append((path, Path(path.stem + '.tif')))
    if len(named) == 1 and out.suffix.lower() in ('.tif', '.tiff') and not out.is_dir():
        return [(named[0][0], out)]
    if out.suffix:
        raise UserError(f'--out {out}: there are {len(named)} scenes, so name a folder.')
    return [(file, out / name) for file, name in named]


def _depth_of(source: Path, depth: Path | None) -> Path | None:
    if depth is None or not depth.is_dir():
        return depth
    candidates = [depth / f'{source.stem}{suffix}' for suffix in DEPTH_SUFFIXES]
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        raise UserError(
            f'{depth} contains no depth for {source.name}: add {candidates[0].name} or a .tif of '
            'the same name.'
        )
    return file
