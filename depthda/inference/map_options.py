"""The options of a map, the identity by which an unfinished map is recognised, and its tags."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthda.depth.monocular.estimator import DepthEstimator
from depthda.inference.model import LandCoverModel
from depthda.inference.predict_scene import Settings
from depthda.inference.scene import Range
from depthda.version import __version__


@dataclass(frozen=True)
class MapOptions:
    """Options of a map: how a scene is read and predicted, and which layers are written."""

    settings: Settings  # windows, batches and augmentation
    bands: tuple[int, ...] | None = None  # bands of the image to read, counted from 1
    stretch: Range | None = None  # two values of the image that become 0 and 255
    depth: Path | None = None  # depth map or heights of the scene, on its grid
    heights: Range | None = None  # become depth 0 and 1; None: the lowest and the highest
    area: Path | None = None  # polygons; windows outside them are not computed
    # Ground sampling distance to predict at, in metres; the map has the grid of the scene.
    gsd: float | None = None
    confidence: bool = False  # also write the highest probability of each pixel
    probabilities: bool = False  # also write the probability of each class

    def layers(self, classes: int) -> dict[str, int]:
        """Return the number of bands of each layer that is computed, by its name."""
        bands = {'labels': 1, 'confidence': int(self.confidence)}
        bands['probabilities'] = classes if self.probabilities else 0
        return {name: count for name, count in bands.items() if count}


def identity_of(
    model: LandCoverModel, source: Path, options: MapOptions, estimator: DepthEstimator | None
) -> dict[str, Any]:
    """Return everything that affects the pixels of a map, which the batch size does not.

    A stopped run is continued only if this is unchanged.
    """
    settings = options.settings
    files = {'image': source, 'depth': options.depth, 'area': options.area}
    stats = {name: path and path.stat() for name, path in files.items()}
    return {
        'version': __version__,
        'model': model.about.get('sha256'),
        'depth_model': estimator and estimator.fingerprint,
        'files': {
            name: stat and [str(files[name].resolve()), stat.st_size, stat.st_mtime_ns]
            for name, stat in stats.items()
        },
        'settings': [settings.window, settings.overlap, settings.amp, settings.tta],
        'values': [options.bands, options.stretch, options.heights, options.gsd],
    }


def tags_of(model: LandCoverModel, source: Path, options: MapOptions) -> dict[str, str]:
    """Return the tags about the origin of a map.

    They name no time and no machine, so that equal runs write equal files.
    """
    settings = options.settings
    tags = {
        'SOFTWARE': f'depthda {__version__}',
        'SOURCE': source.name,
        'MODEL': model.about.get('file'),
        'MODEL_SHA256': model.about.get('sha256'),
        'MODEL_EXPERIMENT': model.about.get('experiment'),
        'CHECKPOINT_CHOSEN_BY': (model.about.get('selection') or {}).get('rule'),
        'DEPTH': options.depth.name if options.depth and model.needs_depth else None,
        'CLASSES': ', '.join(model.classes),
        'PREDICTED_AT': f'{options.gsd:g} m' if options.gsd else None,
        'WINDOW': f'{settings.window}, overlap {settings.overlap}',
        'TEST_TIME_AUGMENTATION': settings.tta,
    }
    return {f'DEPTHDA_{key}': str(value) for key, value in tags.items() if value}
