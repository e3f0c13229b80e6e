"""Write pictures of a translation while it is trained, and stop if an image has only one colour."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.io.files import atomic_path
from depthda.models.tensors import unwrapped
from depthda.models.translation.drdg import DRDG, DomainBatch

_COLUMNS = ('image', 'translated', 'reconstructed', 'depth', 'predicted depth')


@HOOKS.register_module()
class TranslationHook(Hook):
    """Write a picture of both directions every ``interval`` iterations.

    The training stops if a translated image has only one colour.

    ``<log dir>/translation/iter_<n>.png`` has a row for each direction: an image, its translation,
    its reconstruction, and, with a depth decoder, its depth and the predicted depth.
    """

    def __init__(self, interval: int = 1000) -> None:
        if interval < 1:
            raise UserError(f'TranslationHook(interval={interval}): set interval to 1 or more.')
        self.interval = interval

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self.every_n_train_iters(runner, self.interval) and is_main_process():
            self._write_picture(runner, data_batch)

    def _write_picture(self, runner, data_batch: dict) -> None:
        model = unwrapped(runner.model)
        source, target = model.domains(model.data_preprocessor(data_batch)['inputs'])
        model.eval()
        with torch.no_grad():
            rows = [
                _row(model, model.generator_s2t, model.generator_t2s, source, target.size),
                _row(model, model.generator_t2s, model.generator_s2t, target, source.size),
            ]
        model.train()
        check_images([row[1] for row in rows], runner.iter + 1)
        path = Path(runner.log_dir) / 'translation' / f'iter_{runner.iter + 1}.png'
        with atomic_path(path) as temporary:
            temporary.write_bytes(cv2.imencode('.png', _grid(rows))[1].tobytes())


def check_images(images: list[np.ndarray], iteration: int) -> None:
    """Stop a training that translates a complete image to one colour."""
    if any(image.std(axis=(0, 1)).max() < 1 for image in images):
        raise UserError(
            f'the translation has collapsed by iteration {iteration}, because all pixels of a '
            'translated image have the same colour: continue from an earlier checkpoint with lower '
            'learning rates or a smaller adversarial.loss_weight.'
        )


def _row(
    model: DRDG, forward: nn.Module, backward: nn.Module, batch: DomainBatch, size: tuple[int, int]
) -> list[np.ndarray]:
    """Return the pictures of one row for the first image of a batch, each H×W×3 uint8, BGR."""
    predicts = batch.depth is not None
    translated = forward(batch.image[:1], size, depth=predicts)
    reconstructed = backward(translated.image, batch.size).image
    images = (batch.image[:1], translated.image, reconstructed)
    row = [_picture(model, image) for image in images]
    if predicts:
        row += [_depth_picture(batch.depth[0, 0]), _depth_picture(translated.depth[0, 0])]
    return row


def _picture(model: DRDG, image: Tensor) -> np.ndarray:
    restored = model.data_preprocessor.restore(image)[0, :3].movedim(0, 2).cpu().numpy()
    return np.ascontiguousarray(restored)


def _depth_picture(depth: Tensor) -> np.ndarray:
    """Colour depth from 0 (low) to 1 (high); missing depth is black."""
    codes = (depth.nan_to_num(0).clamp(0, 1) * 255).byte().cpu().numpy()
    return cv2.applyColorMap(codes, cv2.COLORMAP_MAGMA)


def _grid(rows: list[list[np.ndarray]], gap: int = 6, head: int = 20) -> np.ndarray:
    """Arrange pictures of several sizes on a white sheet, with a title above each column."""
    widths = [max(picture.shape[1] for picture in column) for column in zip(*rows, strict=True)]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    shape = (head + sum(heights) + gap * (len(rows) + 1), sum(widths) + gap * (len(widths) + 1), 3)
    sheet = np.full(shape, 255, np.uint8)
    lefts = [gap + sum(widths[:n]) + gap * n for n in range(len(widths))]
    for name, left in zip(_COLUMNS, lefts, strict=False):
        cv2.putText(sheet, name, (left, head - 2), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, 16)
    top = head + gap
    for row, height in zip(rows, heights, strict=True):
        for picture, left in zip(row, lefts, strict=True):
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        top += height + gap
    return sheet
