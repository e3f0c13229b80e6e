"""Compare predictions in fp32 with predictions in bfloat16 (``depthda test --amp``).

    python docs/scripts/measure_half_test.py OUT.json CONFIG CHECKPOINT [CONFIG CHECKPOINT …]

The file gets, for each model, the share of pixels with equal labels, the share among the pixels
whose two highest logits differ by more than 2 % of the deviation of all logits, and both mIoU.
"""

import sys
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmseg.apis import init_model
from mmseg.registry import DATASETS
from torch import Tensor, nn

from depthda.engine.hooks.half_test_hook import HalfTestHook
from depthda.evaluation.confusion import joint_counts
from depthda.io.files import write_json

IMAGES, MARGIN = 20, 0.02


def logits(model: nn.Module, batch: dict, amp: bool) -> Tensor:
    """Return the logits (C, H, W) of the image of a batch."""
    hook, runner = HalfTestHook(('cpu', 'cuda')), SimpleNamespace(model=model)
    if amp:
        hook.before_test(runner)
    try:
        with torch.no_grad():
            (sample,) = model.test_step(batch)
    finally:
        hook.after_test(runner)
    return sample.seg_logits.data


def miou(counts: Tensor) -> float:
    matrix = counts[:-1].double()
    union = matrix.sum(0) + matrix.sum(1) - matrix.diag()
    return 100 * (matrix.diag() / union)[union > 0].mean().item()


def measure(config: str, checkpoint: str) -> dict[str, Any]:
    model = init_model(config, checkpoint, device='cpu')
    if hasattr(model, 'keep_logits'):
        model.keep_logits = True
    dataset = DATASETS.build(model.cfg.test_dataloader.dataset)
    equal, clear, clear_equal, pixels = 0, 0, 0, 0
    counts: list[Any] = [0, 0]
    for index in range(min(IMAGES, len(dataset))):
        batch = pseudo_collate([dataset[index]])
        labels = batch['data_samples'][0].gt_sem_seg.data[0]
        full, half = (logits(model, batch, amp) for amp in (False, True))
        first, second = full.topk(2, 0).values
        same = full.argmax(0) == half.argmax(0)
        is_clear = first - second > MARGIN * full.std()
        equal, pixels = equal + same.sum().item(), pixels + same.numel()
        clear, clear_equal = (
            clear + is_clear.sum().item(),
            clear_equal + (same & is_clear).sum().item(),
        )
        for side, scores in enumerate((full, half)):
            counts[side] = counts[side] + joint_counts(scores.argmax(0), labels, len(full))
    return dict(
        config=config, pixels=pixels, equal=equal / pixels, equal_if_clear=clear_equal / clear,
        miou_fp32=miou(counts[0]), miou_bf16=miou(counts[1]),
    )  # fmt: skip


def main(out: str, *models: str) -> None:
    torch.set_num_threads(1)
    write_json(out, [measure(*pair) for pair in zip(models[::2], models[1::2], strict=True)])


if __name__ == '__main__':
    main(*sys.argv[1:])
