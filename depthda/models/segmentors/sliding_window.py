"""Sliding-window inference on batches of windows."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from depthda.errors import UserError
from depthda.progress import show_progress


def window_starts(length: int, crop: int, stride: int) -> list[int]:
    """Return the start of each window along one side of an image.

    Windows are ``stride`` apart; the last one is moved back to end with the image. If the image is
    shorter than a window, the window is as long as the image.
    """
    steps = max(length - crop + stride - 1, 0) // stride + 1
    return [max(min(step * stride, length - crop), 0) for step in range(steps)]


def slide_inference(
    encode_decode: Callable[[Tensor, list[dict]], Tensor], inputs: Tensor, *args, **kwargs
) -> Tensor:
    """Return logits (N, K, H, W) averaged over overlapping windows, see :func:`slide_bands`.

    They equal those of mmseg's ``slide_inference``, but are float32 even if the model computes in
    bfloat16.
    """
    whole = None
    for top, band in slide_bands(encode_decode, inputs, *args, **kwargs):
        if whole is None:
            whole = band.new_empty((*band.shape[:2], *inputs.shape[2:]))
        whole[:, :, top : top + band.shape[2]] = band
    return whole


def slide_labels(*args, **kwargs) -> Tensor:
    """Return the ``argmax`` of :func:`slide_inference` (N, 1, H, W), uint8 up to 256 classes.

    Each band of rows is reduced as soon as it is complete, so the logits of the whole image are
    never in memory: for a scene of 6000 × 5600 pixels and 7 classes they would need 0.9 GB.
    """
    bands = [
        band.argmax(1, keepdim=True).to(torch.uint8 if band.shape[1] <= 256 else torch.int64)
        for _, band in slide_bands(*args, **kwargs)
    ]
    return torch.cat(bands, dim=2)


def slide_bands(
    encode_decode: Callable[[Tensor, list[dict]], Tensor],
    inputs: Tensor,
    metas: list[dict],
    crop: tuple[int, int],
    stride: tuple[int, int],
    out_channels: int,
    window_batch: int = 4,
) -> Iterator[tuple[int, Tensor]]:
    """Yield bands of rows from top to bottom: (first row, averaged logits (N, K, rows, W)).

    The windows of all images go through the model ``window_batch`` at a time. Their logits are
    added up and divided by the number of windows over each pixel.

    Args:
        encode_decode: Model that turns windows (n, C, h, w) and metas into logits (n, K, h, w).
        inputs: Images (N, C, H, W).
        metas: One dict per image; its windows get a copy with their own ``img_shape``.
        crop: Size (height, width) of a window.
        stride: Step (height, width) between windows, not larger than ``crop``.
        out_channels: Number of logits per pixel, K.
        window_batch: Number of windows in each forward pass.
    """
    if window_batch < 1 or min(stride) < 1 or stride[0] > crop[0] or stride[1] > crop[1]:
        raise UserError(
            f'test_cfg: windows of {tuple(crop)} every {tuple(stride)}, {window_batch} at a time, '
            'do not cover an image: stride must be 1 to crop_size, window_batch 1 or more.'
        )
    num, _, height, width = inputs.shape
    h, w = min(crop[0], height), min(crop[1], width)
    rows = window_starts(height, crop[0], stride[0])
    columns = window_starts(width, crop[1], stride[1])
    windows = [(i, y, x) for y in rows for x in columns for i in range(num)]

    dtype = torch.promote_types(inputs.dtype, torch.float32)
    row_cover = _cover(rows, h, height).to(inputs.device, dtype)
    column_cover = _cover(columns, w, width).to(inputs.device, dtype)
    # Sums of logits for the rows from ``top`` on, to which further windows may still add.
    top, sums = 0, inputs.new_zeros((num, out_channels, 0, width), dtype=dtype)
    with show_progress('windows', len(windows)) as show:
        for start in range(0, len(windows), window_batch):
            batch = windows[start : start + window_batch]
            if (missing := batch[-1][1] + h - top - sums.shape[2]) > 0:
                sums = torch.cat([sums, sums.new_zeros((num, out_channels, missing, width))], 2)
            crops = torch.stack([inputs[i, :, y : y + h, x : x + w] for i, y, x in batch])
            # Heads resize logits to ``img_shape`` if it is a torch.Size, else to ``pad_shape``.
            crop_metas = [{**metas[i], 'img_shape': crops.shape[2:]} for i, _, _ in batch]
            for (i, y, x), crop_logits in zip(batch, encode_decode(crops, crop_metas), strict=True):
                sums[i, :, y - top : y - top + h, x : x + w] += crop_logits
            end = start + len(batch)
            show(end)
            # Windows are ordered by rows, so no window adds to the rows above the next one.
            complete = (windows[end][1] if end < len(windows) else height) - top
            if complete:
                cover = torch.outer(row_cover[top : top + complete], column_cover)
                yield top, sums[:, :, :complete].div_(cover)
                top, sums = top + complete, sums[:, :, complete:]


def _cover(starts: list[int], window: int, length: int) -> Tensor:
    """Count the windows over each position along one side."""
    cover = torch.zeros(length)
    for start in starts:
        cover[start : start + window] += 1
    return cover
