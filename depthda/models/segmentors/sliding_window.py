"""Sliding-window inference on batches of windows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

from depthda.errors import UserError
from depthda.progress import show_progress

_BAND = 2**22  # the most values of a band, unless a single row has more
Window = tuple[int, int, int]  # index of the image, first row, first column


def window_starts(length: int, crop: int, stride: int) -> list[int]:
    """Return the start of each window along one side of an image.

    Windows are ``stride`` apart; the last one is moved back to end with the image. If the image is
    shorter than a window, the window is as long as the image.
    """
    steps = max(length - crop + stride - 1, 0) // stride + 1
    return [max(min(step * stride, length - crop), 0) for step in range(steps)]


@dataclass(frozen=True)
class WindowGrid:
    """The windows that cover an image, and the weight of each of their pixels.

    Attributes:
        height, width: Size of the image.
        crop: Size (height, width) of a window.
        stride: Step (height, width) between windows, not larger than ``crop``.
        blended: Let the weights fall towards the edges of a window, linearly over the overlap of
            two windows. They never reach 0, so that the border of the image is covered as well. If
            False, all pixels have the same weight, as in mmseg.
    """

    height: int
    width: int
    crop: tuple[int, int]
    stride: tuple[int, int]
    blended: bool = False

    def __post_init__(self) -> None:
        (height, width), (down, right) = self.crop, self.stride
        if min(self.stride) < 1 or down > height or right > width:
            raise UserError(
                f'windows of {tuple(self.crop)} with stride {tuple(self.stride)} do not cover an '
                'image: set a stride from 1 to the size of a window.'
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a window, which is no larger than the image."""
        return min(self.crop[0], self.height), min(self.crop[1], self.width)

    @property
    def rows(self) -> list[int]:
        return window_starts(self.height, self.crop[0], self.stride[0])

    @property
    def columns(self) -> list[int]:
        return window_starts(self.width, self.crop[1], self.stride[1])

    @property
    def weights(self) -> tuple[Tensor, Tensor]:
        """Weights of the rows and columns of a window; the weight of a pixel is their product."""
        return tuple(
            _ramp(side, crop - stride) if self.blended else torch.ones(side)
            for side, crop, stride in zip(self.size, self.crop, self.stride, strict=True)
        )

    @property
    def cover(self) -> tuple[Tensor, Tensor]:
        """The sums of the weights over all windows, along the rows and along the columns."""
        sums = []
        for starts, weights, length in zip(
            (self.rows, self.columns), self.weights, (self.height, self.width), strict=True
        ):
            total = torch.zeros(length)
            for start in starts:
                total[start : start + len(weights)] += weights
            sums.append(total)
        return tuple(sums)

    def bands(
        self,
        batches: Iterator[tuple[Sequence[Window], Tensor]],
        images: int = 1,
        top: int = 0,
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield bands of rows from top to bottom: (first row, averaged logits (N, K, rows, W)).

        Only the sums of one row of windows are in memory. Bands are small (see ``_BAND``), and
        none crosses the start of a row of windows.

        Args:
            batches: Windows, ordered by rows, with their logits (n, K, h, w). Windows without any
                data may be left out; their pixels are 0 if no other window covers them.
            images: Number of images N.
            top: First row of the first window.
        """
        sums = scales = None
        for windows, logits in batches:
            if sums is None:
                channels, dtype = logits.shape[1], torch.promote_types(logits.dtype, torch.float32)
                sums = logits.new_zeros((images, channels, 0, self.width), dtype=dtype)
                weights, scales = (
                    [part.to(sums, non_blocking=True) for part in parts]
                    for parts in (self.weights, self.cover)
                )
                window = torch.outer(*weights) if self.blended else None
            # No later window adds to the rows above the first one of this batch.
            if (complete := windows[0][1] - top) > 0:
                yield from self._complete(top, sums, complete, scales)
                top += complete
                _move_up(sums, complete)
            h, w = self.size
            if (missing := windows[-1][1] + h - top - sums.shape[2]) > 0:
                sums = pad(sums, [0, 0, 0, missing])
            for (i, y, x), values in zip(windows, logits, strict=True):
                area = sums[i, :, y - top : y - top + h, x : x + w]
                area += values if window is None else values * window
        if sums is not None:
            yield from self._complete(top, sums, self.height - top, scales)

    def _complete(
        self, top: int, sums: Tensor, rows: int, scales: list[Tensor]
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield the averages of the first rows, a few at a time."""
        step = max(_BAND // sums[:, :, 0].numel(), 1)
        for first in range(0, rows, step):
            last = min(first + step, rows)
            cover = torch.outer(scales[0][top + first : top + last], scales[1])
            yield top + first, sums[:, :, first:last] / cover


def slide_inference(
    encode_decode: Callable[[Tensor, list[dict]], Tensor], inputs: Tensor, *args, **kwargs
) -> Tensor:
    """Return logits (N, K, H, W) averaged over overlapping windows, see :func:`slide_bands`.

    They equal those of mmseg's ``slide_inference``, but are float32 even if the model computes in
    bfloat16.
    """
    result = None
    for top, band in slide_bands(encode_decode, inputs, *args, **kwargs):
        if result is None:
            result = band.new_empty((*band.shape[:2], *inputs.shape[2:]))
        result[:, :, top : top + band.shape[2]] = band
    return result


def slide_labels(*args, **kwargs) -> Tensor:
    """Return the ``argmax`` of :func:`slide_inference` (N, 1, H, W), uint8 up to 256 classes.

    Each band of rows is reduced as soon as it is complete, so the logits of the complete image are
    never in memory: for a scene of 6000 × 5600 pixels and 7 classes they would need 0.9 GB.
    """
    bands = [
        # On a CPU, ``argmax`` takes five times as long as ``max``.
        band.max(1, keepdim=True).indices.to(torch.uint8 if band.shape[1] <= 256 else torch.int64)
        for _, band in slide_bands(*args, **kwargs)
    ]
    return torch.cat(bands, dim=2)


def slide_bands(
    encode_decode: Callable[[Tensor, list[dict]], Tensor],
    inputs: Tensor,
    metas: list[dict],
    crop: tuple[int, int],
    stride: tuple[int, int],
    window_batch: int = 4,
) -> Iterator[tuple[int, Tensor]]:
    """Yield bands of rows from top to bottom: (first row, averaged logits (N, K, rows, W)).

    The windows of all images go through the model ``window_batch`` at a time. Their logits are
    added up and divided by the number of windows over each pixel.

    Args:
        encode_decode: Model that turns windows (n, C, h, w) and metas into logits (n, K, h, w).
        inputs: Images (N, C, H, W).
        metas: One dict per image; its windows get a copy with their own ``img_shape``.
        crop, stride: As in :class:`WindowGrid`.
        window_batch: Number of windows in each forward pass.
    """
    if window_batch < 1:
        raise UserError(f'window_batch={window_batch} of test_cfg must be 1 or more.')
    grid = WindowGrid(*inputs.shape[2:], tuple(crop), tuple(stride))
    windows = [(i, y, x) for y in grid.rows for x in grid.columns for i in range(len(inputs))]
    h, w = grid.size

    def batches() -> Iterator[tuple[list[Window], Tensor]]:
        with show_progress('windows', len(windows)) as show:
            for start in range(0, len(windows), window_batch):
                batch = windows[start : start + window_batch]
                crops = torch.stack([inputs[i, :, y : y + h, x : x + w] for i, y, x in batch])
                # Heads resize logits to ``img_shape`` if it is a torch.Size, else to ``pad_shape``.
                crop_metas = [{**metas[i], 'img_shape': crops.shape[2:]} for i, _, _ in batch]
                yield batch, encode_decode(crops, crop_metas)
                show(start + len(batch))

    return grid.bands(batches(), images=len(inputs))


def _move_up(sums: Tensor, rows: int) -> None:
    """Drop the first ``rows`` rows and append as many zeros, without a copy of the tensor."""
    kept = sums.shape[2] - rows
    for index in product(range(sums.shape[0]), range(sums.shape[1])):
        sums[index][:kept] = sums[index][rows:].clone()
    sums[:, :, kept:] = 0


def _ramp(side: int, overlap: int) -> Tensor:
    """Return weights that rise over the overlap from both ends, and are 1 in between."""
    distance = torch.minimum(torch.arange(side), torch.arange(side - 1, -1, -1)) + 0.5
    return (distance / max(overlap, 1)).clamp(max=1)
