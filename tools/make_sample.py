"""Write the built-in two-domain synthetic set, in LoveDA's tree."""

from depthda.cli import tool_parser, user_errors


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/make_sample.py data/sample --domains urban rural --train 200 --size 256\n'
        '  python tools/make_sample.py data/null --null\n'
        '  python tools/make_sample.py data/season --gap appearance --fidelity 0.5',
    )
    parser.add_argument('out', help='folder to write; must not exist yet or be empty')
    parser.add_argument('--world', default='v1', help='frozen version of the generator')
    parser.add_argument(
        '--domains',
        nargs='+',
        default=['urban', 'rural'],
        metavar='NAME',
        help='domains to write; the first is the reference of --gap (default: urban rural)',
    )
    parser.add_argument('--train', type=int, default=200, help='tiles a domain (default: 200)')
    parser.add_argument('--val', type=int, default=40, help='tiles a domain (default: 40)')
    parser.add_argument('--test', type=int, default=60, help='tiles a domain (default: 60)')
    parser.add_argument('--size', type=int, default=256, help='pixels a side (default: 256)')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another world')
    parser.add_argument(
        '--gap',
        nargs='*',
        metavar='PART',
        help='parts in which the domains differ, of layout, geometry, resolution, appearance, '
        'depth (default: all); elsewhere all domains are set like the first',
    )
    parser.add_argument(
        '--fidelity',
        type=float,
        help="of the relative depth: 1 true height, 0 noise (default: the world's own)",
    )
    parser.add_argument(
        '--null', action='store_true', help='height and depth from independent tiles'
    )
    parser.add_argument(
        '--near-infrared',
        action='store_true',
        help='images of four bands, as GeoTIFF: the same three and near infrared',
    )
    parser.add_argument('--jobs', type=int, default=1, help='processes; the bytes are the same')
    args = parser.parse_args()
    with user_errors():
        write(args)


def write(args) -> None:
    """Write the set with a progress bar."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from depthda.datasets.synthetic import PARTS, make_world, write_sample
    from depthda.datasets.synthetic.writer import plan
    from depthda.errors import many

    counts = {'Train': args.train, 'Val': args.val, 'Test': args.test}
    gap = PARTS if args.gap is None else tuple(args.gap)
    world = make_world(
        args.world, tuple(args.domains), args.seed, args.size, gap, args.fidelity, args.null
    )
    console = Console(stderr=True)
    columns = (TextColumn('tiles'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task('tiles', total=len(plan(world, counts)))
        written = write_sample(
            args.out,
            world,
            counts,
            args.jobs,
            lambda done: progress.update(task, completed=done),
            args.near_infrared,
        )
    done = f'{many(written, "tile")} written' if written else 'this dataset is there already'
    print(f'{args.out}: {done}')


if __name__ == '__main__':
    main()
