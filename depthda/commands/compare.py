"""Compare two models: the difference of their IoU (B - A), with two 95 % intervals.

A and B are each the folder of a run (metrics.json, tiles.npz), or a folder with several runs up to
two levels down. Runs are paired by seed, and on synthetic data also by world. One interval is over
the seeds (or worlds), and the other is over the tested tiles. The output explains what each covers.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.errors import UserError

_FEWEST = 100  # resamples; with fewer, the ends of a 95 % interval would be too uncertain

EXAMPLES = (
    '%(prog)s work_dirs/upernet work_dirs/depthda --per-class',
    '%(prog)s work_dirs/tables/synthetic/rgb work_dirs/tables/synthetic/dual --block 10 '
    '--out gain.md',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('a', help='folder of the reference: one run, or several')
    add('b', help='folder to compare with the reference: one run, or several')
    add(
        '--group',
        help="images to compare on, as named in metrics.json: 'all', a domain, a split or "
        'SPLIT/DOMAIN (default: the headline group of metrics.json)',
    )
    add('--per-class', action='store_true', help='add a row for each class')
    add('--resamples', type=int, default=10_000, metavar='N', help='number of bootstrap samples')
    text = 'draw blocks of N tiles with neighbouring names instead of single tiles'
    add('--block', type=int, default=1, metavar='N', help=text)
    add('--seed', type=int, default=0, help='seed of the bootstrap')
    add('--out', metavar='FILE', help='also write the result to this file (.md or .json)')


def run(args: Namespace) -> None:
    from depthda.console import wide_console
    from depthda.experiments.comparison.compare import compare
    from depthda.experiments.comparison.text import explain, markdown, terminal_table
    from depthda.io.files import atomic_path, check_not_replaced, write_json

    suffix = Path(args.out).suffix if args.out else None
    if suffix not in (None, '.md', '.json'):
        raise UserError(f'--out {args.out}: use a name that ends with .md or .json.')
    if args.resamples < _FEWEST:
        raise UserError(
            f'--resamples {args.resamples} is too low for a 95 % interval: use {_FEWEST} or more.'
        )
    if args.out:
        # A text that each comparison contains.
        marker = '"bootstrap_seed"' if suffix == '.json' else '95 %'
        check_not_replaced(args.out, marker, 'a comparison')
    result = compare(args.a, args.b, args.group, args.resamples, args.block, args.seed)
    print(f'A  {args.a}\nB  {args.b}')
    console = wide_console(highlight=False)
    console.print(terminal_table(result, args.per_class))
    for line in explain(result, args.per_class):
        console.print(line, markup=False)
    if suffix == '.json':
        write_json(args.out, result)
    elif suffix == '.md':
        with atomic_path(args.out) as temporary:
            temporary.write_text(markdown(result, args.per_class), encoding='utf-8')
