"""What decides a map: the options of a run, what it is recognised by, and what its tags say."""

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
    """What is read of a scene and what is written beside the map.

    Attributes:
        settings: Windows and batches.
        bands: Bands of the image, counted from 1.
        stretch: Values of the image that become 0 and 255.
        depth: Depth map or heights of the scene, on its grid.
        heights: Heights that become 0 and 1; None: the lowest and the highest.
        area: Polygons; windows outside them are not computed.
        gsd: Ground sampling distance to predict at, in metres; the map has the grid of the scene.
        confidence: Write the highest probability of each pixel, too.
        probabilities: Write the probability of each class, too.
    """

    settings: Settings
    bands: tuple[int, ...] | None = None
    stretch: Range | None = None
    depth: Path | None = None
    heights: Range | None = None
    area: Path | None = None
    gsd: float | None = None
    confidence: bool = False
    probabilities: bool = False

    def layers(self, classes: int) -> dict[str, int]:
        """Return the number of bands of each layer that is computed."""
        extra = {'confidence': self.confidence, 'probabilities': self.probabilities}
        bands = {'confidence': 1, 'probabilities': classes}
        return {'labels': 1} | {name: bands[name] for name, written in extra.items() if written}


def identity_of(
    model: LandCoverModel, source: Path, options: MapOptions, estimator: DepthEstimator | None
) -> dict[str, Any]:
    """Return everything that decides the rows of a map; the size of a batch does not."""
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
    """Return what a map says of its origin; no time and no machine, so that runs are comparable."""
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
