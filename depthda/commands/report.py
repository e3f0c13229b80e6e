"""Make an HTML page about a tested run, or several side by side: scores, curves, tiles."""

import sys
from argparse import ArgumentParser, Namespace

from depthda.cli import picked

EXAMPLES = (
    '%(prog)s work_dirs/NAME --out report.html',
    '%(prog)s work_dirs/A work_dirs/B --names "RGB only" "RGB + depth"',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'folder with the metrics.json of a test, or a folder of such folders'
    add('runs', nargs='+', metavar='RUN', help=text)
    add('--names', nargs='+', metavar='NAME', help='names of the runs on the page')
    add('--out', default='report.html', metavar='FILE', help='file of the page')
    add('--tiles', type=int, default=4, metavar='N', help='number of tiles below each heading')
    add('--title', help='heading of the page (default: the names of the runs)')


def run(args: Namespace) -> None:
    from depthda.experiments.page.page import HEAVY, make_page

    options = picked(args, 'out', 'names', 'title', 'tiles')
    page = make_page(args.runs, **options, command=args.typed)
    print(f'{page.path} ({page.size / 1e6:.1f} MB)')
    notes = list(page.missing)
    if page.size > HEAVY:
        notes.append(
            f'{page.path} is larger than {HEAVY / 1e6:.0f} MB, which is too much for most mail '
            f'servers: use --tiles {max(args.tiles // 2, 0)} to make it smaller.'
        )
    for sentence in notes:
        print(f'note: {sentence}', file=sys.stderr)
