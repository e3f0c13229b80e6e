"""Make one HTML page of a tested run, or of several side by side: scores, curves, tiles."""

import sys
from argparse import ArgumentParser, Namespace

EXAMPLES = (
    '%(prog)s work_dirs/NAME --out report.html',
    '%(prog)s work_dirs/A work_dirs/B --names "RGB only" "RGB + depth"',
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='folder with metrics.json (which a test writes), or a folder of such folders',
    )
    parser.add_argument('--names', nargs='+', metavar='NAME', help='what to call the runs')
    parser.add_argument('--out', default='report.html', metavar='FILE', help='the page')
    parser.add_argument(
        '--tiles', type=int, default=4, metavar='N', help='tiles under each heading (default: 4)'
    )
    parser.add_argument('--title', help='heading of the page (default: the names of the runs)')


def run(args: Namespace) -> None:
    from depthda.experiments.page import make_page
    from depthda.experiments.page.page import HEAVY

    page = make_page(
        args.runs,
        out=args.out,
        names=args.names,
        title=args.title,
        tiles=args.tiles,
        command=args.typed,
    )
    for sentence in page.missing:
        print(f'note: {sentence}', file=sys.stderr)
    print(f'{page.path} ({page.size / 1e6:.1f} MB)')
    if page.size > HEAVY:
        print(
            f'note: {page.path} is larger than {HEAVY / 1e6:.0f} MB, too much for most mail '
            f'servers: --tiles {max(args.tiles // 2, 0)} makes it smaller.',
            file=sys.stderr,
        )
