"""Write the table of docs/cost.md from files of ``depthda cost --json``.

python docs/scripts/cost_table.py docs/tables/cost.md FILE.json …
"""

import sys
from pathlib import Path

from depthda.cost.cards import CARDS
from depthda.cost.iteration import Cost
from depthda.cost.report import fits, memory_gib, seconds
from depthda.io.files import read_json

SHOWN = ('h100', '4090', 'v100')
SUMS = ('launch_count', 'cast_count', 'wait_count')


def hours(cost: Cost, name: str) -> str:
    card = CARDS[name]
    if not fits(cost, card):
        return 'does not fit'
    low, high = (f'{cost.iterations * each / 3600:.1f}' for each in seconds(cost, card))
    return low if low == high else f'{low} to {high}'


def row(name: str, counts: dict) -> str:
    cost = Cost(**{key: value for key, value in counts.items() if key not in SUMS})
    cells = [
        f'`{name}`', f'{cost.parameters / 1e6:.0f}', f'{cost.batch}', f'{memory_gib(cost):.1f}',
        f'{cost.launch_count:,}', f'{cost.wait_count}', f'{cost.gflop / 1000:.1f}',
        f'{cost.iterations:,}', *(hours(cost, card) for card in SHOWN),
    ]  # fmt: skip
    return f'| {" | ".join(cells)} |'


def main(out: str, *files: str) -> None:
    titles = ['config', 'million parameters', 'batch', 'memory, GiB', 'launches', 'waits', 'TFLOP']
    titles += ['iterations', *(f'{CARDS[name].title}, hours' for name in SHOWN)]
    lines = [f'| {" | ".join(titles)} |', f'| --- |{" ---: |" * (len(titles) - 1)}']
    for file in files:
        lines += [row(*item) for item in read_json(Path(file)).items()]
    Path(out).write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
