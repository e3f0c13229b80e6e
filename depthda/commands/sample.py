"""Write the built-in synthetic dataset with two domains, in LoveDA's folder tree."""

from argparse import ArgumentParser, Namespace

from depthda.cli import progress_bars

EXAMPLES = (
    '%(prog)s data/sample --domains urban rural --train 200 --size 256',
    '%(prog)s data/null --null',
    '%(prog)s data/season --gap appearance --fidelity 0.5',
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('out', help='folder to write; must not exist yet or be empty')
    parser.add_argument('--world', default='v1', help='frozen version of the generator')
    parser.add_argument(
        '--domains',
        nargs='+',
        default=['urban', 'rural'],
        metavar='NAME',
        help='domains to write; the first is the reference of --gap (default: urban rural)',
    )
    parser.add_argument('--train', type=int, default=200, help='tiles per domain (default: 200)')
    parser.add_argument('--val', type=int, default=40, help='tiles per domain (default: 40)')
    parser.add_argument('--test', type=int, default=60, help='tiles per domain (default: 60)')
    parser.add_argument('--size', type=int, default=256, help='side of a tile (default: 256)')
    parser.add_argument('--seed', type=int, default=0, help='another seed is another world')
    parser.add_argument(
        '--gap',
        nargs='*',
        metavar='PART',
        help='parts in which the domains differ: layout, geometry, resolution, appearance, depth '
        '(default: all); in the others all domains are like the first',
    )
    parser.add_argument(
        '--fidelity',
        type=float,
        help='of the relative depth: 1 is the true height, 0 is noise (default: as in the world)',
    )
    parser.add_argument(
        '--null', action='store_true', help='take height and depth from unrelated tiles'
    )
    parser.add_argument(
        '--near-infrared',
        action='store_true',
        help='write images of four bands as GeoTIFF: the same three and near infrared',
    )
    parser.add_argument('--jobs', type=int, default=1, help='processes; the bytes are the same')


def run(args: Namespace) -> None:
    from depthda.datasets.synthetic import PARTS, make_world, write_sample
    from depthda.datasets.synthetic.writer import plan
    from depthda.errors import many

    counts = {'Train': args.train, 'Val': args.val, 'Test': args.test}
    gap = PARTS if args.gap is None else tuple(args.gap)
    world = make_world(
        args.world, tuple(args.domains), args.seed, args.size, gap, args.fidelity, args.null
    )
    total = len(plan(world, counts))
    with progress_bars() as show:

        def follow(done: int) -> None:
            show('tiles', done, total)

        written = write_sample(args.out, world, counts, args.jobs, follow, args.near_infrared)
    done = f'{many(written, "tile")} written' if written else 'this dataset is there already'
    print(f'{args.out}: {done}')
