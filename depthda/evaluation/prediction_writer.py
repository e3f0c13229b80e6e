"""Write the predictions of a test run as label maps and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from depthda.depth.maps import write_depth
from depthda.errors import UserError
from depthda.io.rasters import write_image


@METRICS.register_module()
class PredictionWriter(BaseMetric):
    """Write each prediction to ``<out_dir>/<image stem>.png``: 2-D uint8, the class indices.

    The values are the model's own, 0…C-1, as LoveDA's server expects; they are not shifted for
    ``reduce_zero_label``. The writer computes no scores and reads no labels, so it works on a test
    split without labels. :meth:`evaluate` returns no scores.

    Args:
        out_dir: Folder of the label maps; None writes none.
        color_dir: Folder of the label maps in the colours of the palette; None writes none.
        depth_dir: Folder of the depth that the model predicts: 16-bit ``maps``, which any dataset
            can read as its depth folder, and coloured ``pictures``. None writes none.
    """

    default_prefix = ''  # None would make mmengine warn
    labels_suffice = True  # the writer reads the predicted label map, not the logits

    def __init__(
        self, out_dir: str | None = None, color_dir: str | None = None, depth_dir: str | None = None
    ) -> None:
        super().__init__()
        paths = (out_dir, color_dir, depth_dir)
        if paths == (None, None, None):
            raise UserError(
                'PredictionWriter has nowhere to write: set out_dir, color_dir or depth_dir.'
            )
        folders = (folder if folder is None else Path(folder) for folder in paths)
        self.out_dir, self.color_dir, self.depth_dir = folders
        if self.color_dir is not None and self.color_dir == self.out_dir:
            raise UserError(f'out_dir and color_dir are both {out_dir}: set different folders.')
        self._written: dict[str, str] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        num_classes = len(self.dataset_meta['classes'])
        if num_classes > 256:
            raise UserError(f'{num_classes} classes do not fit into an 8-bit label map (256).')
        for sample in data_samples:
            img_path = str(sample['img_path'])
            stem = Path(img_path).stem
            self._claim(stem, img_path)
            labels = sample['pred_sem_seg']['data'].squeeze().cpu().numpy()
            if labels.min() < 0 or labels.max() >= num_classes:
                raise UserError(
                    f'{img_path}: the predictions have values from {labels.min()} to '
                    f'{labels.max()}, but the dataset has {num_classes} classes: set num_classes '
                    f'of the model to {num_classes}.'
                )
            labels = labels.astype(np.uint8)
            if self.out_dir is not None:
                write_image(self.out_dir / f'{stem}.png', labels)
            if self.color_dir is not None:
                palette = np.asarray(self.dataset_meta['palette'], np.uint8)
                write_image(self.color_dir / f'{stem}.png', palette[labels])
            if self.depth_dir is not None:
                depth = sample['pred_depth']['data'].squeeze().float().cpu().numpy()
                write_depth(self.depth_dir / 'maps' / f'{stem}.png', depth)
                write_image(self.depth_dir / 'pictures' / f'{stem}.png', _coloured(depth))

    def evaluate(self, size: int) -> dict:
        """Check that no two ranks wrote different images to one name; return no scores."""
        for written in all_gather_object(self._written):
            for stem, img_path in written.items():
                self._claim(stem, img_path)
        self._written = {}
        return {}

    def compute_metrics(self, results: list) -> dict:
        return {}

    def _claim(self, stem: str, img_path: str) -> None:
        # The sampler may repeat an image to fill up the last round: same name, same content.
        other = self._written.setdefault(stem, img_path)
        if other != img_path:
            folder = self.out_dir or self.color_dir or self.depth_dir
            raise UserError(
                f'{other} and {img_path} would both be written to {folder / stem}.png: '
                'write one domain or split at a time, each to its own folder.'
            )


def _coloured(depth: np.ndarray) -> np.ndarray:
    """Colour depth from its lowest (dark) to its highest value (bright), in RGB."""
    scaled = cv2.normalize(depth, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    return cv2.applyColorMap(scaled, cv2.COLORMAP_MAGMA)[..., ::-1]
