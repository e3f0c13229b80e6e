"""Read the values that a run logged: mmengine's ``<timestamp>/vis_data/scalars.json``."""

import json
import os
from pathlib import Path

from depthda.errors import UserError

_STEP_KEYS = ('step', 'iter', 'epoch')


def read_scalars(run: str | os.PathLike) -> dict[str, list[tuple[int, float]]]:
    """Return the curves of a run by name (``'loss'``, ``'lr'``, ``'mIoU'``, …), sorted by step.

    A resumed run has several folders with a time stamp. From its first logged step on, a later
    folder replaces the earlier ones, so that repeated steps appear once. A run without a log has
    no curves.
    """
    curves: dict[str, dict[int, float]] = {}
    for path in sorted(Path(run).glob('*/vis_data/scalars.json')):
        lines = _lines(path)
        if not lines:
            continue
        first = min(int(line['step']) for line in lines)
        curves = {
            name: {step: value for step, value in curve.items() if step < first}
            for name, curve in curves.items()
        }
        for line in lines:
            for name, value in line.items():
                if name not in _STEP_KEYS and isinstance(value, (int, float)):
                    curves.setdefault(name, {})[int(line['step'])] = float(value)
    return {name: sorted(curve.items()) for name, curve in curves.items() if curve}


def _lines(path: Path) -> list[dict]:
    texts = [text for text in path.read_text().splitlines() if text.strip()]
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
        except json.JSONDecodeError as error:
            # The last line of a killed run may be incomplete.
            if number == len(texts):
                break
            raise UserError(
                f'line {number} of {path} is not JSON ({error.msg}): remove that line'
            ) from error
        if 'step' in line:
            lines.append(line)
    return lines
