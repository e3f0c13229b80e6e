"""Sliding-window inference with windows in batches."""

from collections.abc import Callable

import torch
from torch import Tensor

from depthda.errors import UserError


def window_starts(length: int, crop: int, stride: int) -> list[int]:
    """First positions of the windows along one side.

    Windows lie ``stride`` apart; the last one is moved back to end with the image. An image
    shorter than the window has one window, of its own length.
    """
    steps = max(length - crop + stride - 1, 0) // stride + 1
    return [max(min(step * stride, length - crop), 0) for step in range(steps)]


def slide_inference(
    encode_decode: Callable[[Tensor, list[dict]], Tensor],
    inputs: Tensor,
    metas: list[dict],
    crop: tuple[int, int],
    stride: tuple[int, int],
    out_channels: int,
    window_batch: int = 4,
) -> Tensor:
    """Average the logits of overlapping windows.

    Equal to mmseg's ``slide_inference``, but the windows of all images go through the model
    ``window_batch`` at a time, logits are added in place where they belong instead of padded to
    the full size, and the cover counts come from the two sides (how many windows cover a pixel is
    the number of rows of windows over it times the number of columns).

    Args:
        encode_decode: Model: windows (n, C, h, w) and their metas to logits (n, K, h, w).
        inputs: Images (N, C, H, W).
        metas: One dict an image; its windows get a copy with their own ``img_shape``.
        crop: Window (height, width).
        stride: Step (height, width) from window to window, not larger than ``crop``.
        out_channels: K.
        window_batch: Windows in one pass of the model.

    Returns:
        Logits (N, K, H, W), in fp32 even where the model computes in bf16.
    """
    if window_batch < 1 or min(stride) < 1 or stride[0] > crop[0] or stride[1] > crop[1]:
        raise UserError(
            f'test_cfg: windows of {tuple(crop)} every {tuple(stride)}, {window_batch} at a time, '
            f'do not cover an image: stride must be 1 to crop_size, window_batch 1 or more.'
        )
    num, _, height, width = inputs.shape
    h, w = min(crop[0], height), min(crop[1], width)
    rows = window_starts(height, crop[0], stride[0])
    columns = window_starts(width, crop[1], stride[1])

    dtype = torch.promote_types(inputs.dtype, torch.float32)
    logits = inputs.new_zeros((num, out_channels, height, width), dtype=dtype)
    windows = [(i, y, x) for y in rows for x in columns for i in range(num)]
    for start in range(0, len(windows), window_batch):
        batch = windows[start : start + window_batch]
        crops = torch.stack([inputs[i, :, y : y + h, x : x + w] for i, y, x in batch])
        # Heads resize to an ``img_shape`` of type torch.Size, and to ``pad_shape`` otherwise.
        crop_metas = [{**metas[i], 'img_shape': crops.shape[2:]} for i, _, _ in batch]
        for (i, y, x), crop_logits in zip(batch, encode_decode(crops, crop_metas), strict=True):
            logits[i, :, y : y + h, x : x + w] += crop_logits

    row_cover = _cover(rows, h, height, logits)
    column_cover = _cover(columns, w, width, logits)
    return logits.div_(torch.outer(row_cover, column_cover))


def _cover(starts: list[int], window: int, length: int, like: Tensor) -> Tensor:
    """How many windows cover each position along one side."""
    cover = torch.zeros(length, dtype=like.dtype)
    for start in starts:
        cover[start : start + window] += 1
    return cover.to(like.device)
