"""Which tiles a page shows: the best, the middling, the worst, and where the runs differ."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Pick:
    """Places of the chosen tiles under one heading, in the order in which they are shown."""

    title: str
    why: str
    places: list[int] = field(default_factory=list)


def pick_tiles(table: np.ndarray, count: int, compared: tuple[str, str] | None) -> list[Pick]:
    """Choose tiles by their scores.

    Args:
        table: ``[runs, tiles]``, NaN where a tile has no labelled pixel; such tiles are left out.
        count: tiles under a heading, fewer if the set is small: no tile is best and worst.
        compared: names of the first and the last run, whose difference has headings of its own.
    """
    mean = table.mean(0)
    order = np.argsort(-mean, kind='stable')
    order = order[np.isfinite(mean[order])]
    by = 'mean mIoU of the runs' if compared else 'mIoU of the tile'
    if len(order) < 3:
        picks = [Pick('All tiles', by, order.tolist())]
    else:
        some = min(count, len(order) // 3)
        start = (len(order) - some) // 2
        picks = [
            Pick('Best', f'highest {by}', order[:some].tolist()),
            Pick('Median', f'in the middle by {by}', order[start : start + some].tolist()),
            Pick('Worst', f'lowest {by}', order[::-1][:some].tolist()),
        ]
    if compared:
        first, last = compared
        gain = table[-1] - table[0]
        by_gain = [i for i in np.argsort(-gain, kind='stable') if np.isfinite(gain[i])]
        picks += [
            Pick(
                'Largest gain',
                f'where {last} is most ahead of {first}',
                [int(i) for i in by_gain[:count] if gain[i] > 0],
            ),
            Pick(
                'Largest loss',
                f'where {last} is most behind {first}',
                [int(i) for i in by_gain[::-1][:count] if gain[i] < 0],
            ),
        ]
    return [pick for pick in picks if pick.places]
