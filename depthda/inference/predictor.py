"""Predict images in Python: arrays, files and folders, with given or estimated depth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from affine import Affine

from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.depth.maps import LOWEST, read_depth
from depthda.depth.monocular.estimator import DepthEstimator
from depthda.errors import UserError, many
from depthda.inference.model import LandCoverModel, load_model
from depthda.inference.predict_scene import Settings, scene_bands
from depthda.inference.scene import ModelBands, Range, RowReader, open_image
from depthda.io.grids import Grid
from depthda.io.headers import IMAGE_SUFFIXES

Image = str | Path | np.ndarray


@dataclass(frozen=True)
class Prediction:
    """The prediction of a model for an image."""

    labels: np.ndarray  # class index of each pixel (H, W), uint8; 255 where the file has no data
    probabilities: np.ndarray  # of each class (K, H, W), float32
    classes: tuple[str, ...]  # their names


class Predictor:
    """A trained model that predicts images of any size.

    .. code-block:: python

        predictor = Predictor.load('work_dirs/run/iter_40000.pth', depth_model='depth-anything/…')
        prediction = predictor('image.tif')

    Scenes that do not fit into memory are for ``depthda predict``.

    Args:
        settings: Windows and batches; None: the model's window size, with an overlap of half.
        estimator: Estimates relative depth if the model reads depth and none is given.
        bands, stretch: How files are read, as in ``depthda predict``.
    """

    def __init__(
        self,
        model: LandCoverModel,
        settings: Settings | None = None,
        estimator: DepthEstimator | None = None,
        bands: tuple[int, ...] | None = None,
        stretch: Range | None = None,
    ) -> None:
        self.model = model
        window = min(model.window)
        self.settings = settings or Settings(window, window // 2)
        self.estimator = estimator
        self.bands = ModelBands(model.bands, bands, stretch, model.dtype)

    @classmethod
    def load(
        cls,
        model: str | Path,
        device: str | None = None,
        depth_model: str | None = None,
        config: str | Path | None = None,
        **options,
    ) -> 'Predictor':
        """Load a model by its file, folder or hub id; ``options`` are arguments of the class."""
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        loaded = load_model(model, config, device)
        estimator = depth_model and DepthEstimator.load(depth_model, device, option='depth_model=')
        return cls(loaded, estimator=estimator or None, **options)

    def __call__(self, image: Image, depth: Image | None = None) -> Prediction:
        """Predict one image.

        Args:
            image: A file, or an array (H, W, B) with red, green and blue first. Values must be on
                the scale of the training files.
            depth: The file of a depth map, or an array (H, W). Values are in (0, 1], larger means
                higher, and 0 means no depth.
        """
        if isinstance(image, np.ndarray):
            values, valid, name = self._array(image), np.ones(image.shape[:2], bool), 'the array'
        else:
            with open_image(image, self.bands) as (grid, rows):
                values, valid = rows.read(0, grid.height)
            name = str(image)
        heights = self._depth(values, depth, name)
        grid = Grid(*valid.shape, Affine.identity(), None)
        rows = RowReader(lambda a, b: (values[:, a:b], valid[a:b]), grid.height, 1)
        depth_rows = heights is not None and RowReader(
            lambda a, b: (heights[None, a:b], heights[a:b] > 0), grid.height, 1
        )
        bands = scene_bands(self.model, grid, (rows, depth_rows or None, None), self.settings)
        logits = torch.cat([part.cpu() for _, part, _ in bands], 1)
        labels = np.where(valid, logits.argmax(0).numpy(), 255).astype(np.uint8)
        return Prediction(labels, logits.softmax(0).numpy(), self.model.classes)

    def batch(
        self, images: Sequence[Image], depths: Sequence[Image | None] | None = None
    ) -> list[Prediction]:
        """Predict several images, of any sizes."""
        if depths is not None and len(depths) != len(images):
            raise UserError(
                f'there are {many(len(images), "image")}, but {many(len(depths), "depth map")}: '
                'pass one depth map for each image.'
            )
        pairs = zip(images, depths or [None] * len(images), strict=True)
        return [self(image, depth) for image, depth in pairs]

    def folder(self, path: str | Path) -> Iterator[tuple[Path, Prediction]]:
        """Yield each image of a folder with its prediction; depth, if needed, is estimated."""
        files = sorted(p for p in Path(path).rglob('*') if p.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            raise UserError(f'{path} contains no images: pass the folder of the images.')
        for file in files:
            yield file, self(file)

    def _array(self, image: np.ndarray) -> np.ndarray:
        image = np.atleast_3d(image)
        if image.shape[2] != self.model.bands:
            raise UserError(
                f'the array has {many(image.shape[2], "band")}, but this model reads '
                f'{self.model.bands}: pass H×W×{self.model.bands} with red, green and blue first, '
                'and pass depth as a separate argument.'
            )
        if np.issubdtype(image.dtype, np.floating) and image.size and image.max() <= 1:
            raise UserError(
                'the values of the array range from 0 to 1, but the model expects the values of '
                'the files: do not rescale them.'
            )
        if self.model.dtype == 'uint8' and image.size and image.max() > 255:
            raise UserError(
                f'the values of the array go up to {image.max():g}, but this model was trained on '
                '8 bits: scale the complete image to 0…255, as in the training.'
            )
        order = swapped_bands(image.shape[2])
        return np.ascontiguousarray(image[..., order].transpose(2, 0, 1))

    def _depth(self, values: np.ndarray, depth: Image | None, name: str) -> np.ndarray | None:
        if not self.model.needs_depth:
            return None
        if depth is None and self.estimator is None:
            raise UserError(
                f'this model reads depth ({self.model.depth_source}): pass the depth map of '
                f'{name}, or load the predictor with a depth_model.'
            )
        if depth is None:
            return self._estimated(values)
        heights = depth if isinstance(depth, np.ndarray) else read_depth(depth)
        if heights.shape != values.shape[1:]:
            raise UserError(
                f'the depth has {heights.shape[1]} × {heights.shape[0]} pixels, but {name} has '
                f'{values.shape[2]} × {values.shape[1]}: resample it to the grid of the image.'
            )
        if not ((heights >= 0) & (heights <= 1)).all():
            raise UserError('depth must be from 0 (no depth) to 1: rescale it.')
        return heights.astype(np.float32)

    def _estimated(self, values: np.ndarray) -> np.ndarray:
        rgb = np.ascontiguousarray(values[:3][::-1].transpose(1, 2, 0))
        inputs = [self.estimator.preprocessing(rgb)]
        depth = self.estimator.whole(inputs, [rgb.shape[:2]])[0]
        low, high = float(depth.min()), float(depth.max())
        return ((depth - low) / max(high - low, 1e-30)).clip(LOWEST, 1).astype(np.float32)
