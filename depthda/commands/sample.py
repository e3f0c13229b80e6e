"""Write the built-in synthetic dataset with two domains, in LoveDA's folder tree."""

from argparse import ArgumentParser, Namespace

EXAMPLES = (
    '%(prog)s data/sample --domains urban rural --train 200 --size 256',
    '%(prog)s data/null --null',
    '%(prog)s data/season --gap appearance --fidelity 0.5',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('out', help='folder to write, which must be new or empty')
    add('--world', default='v1', help='version of the generator, which never changes')
    text = 'domains to write; the first is the reference of --gap'
    add('--domains', nargs='+', default=['urban', 'rural'], metavar='NAME', help=text)
    for split, count in (('train', 200), ('val', 40), ('test', 60)):
        add(f'--{split}', type=int, default=count, help='number of tiles per domain')
    add('--size', type=int, default=256, help='side of a tile in pixels')
    add('--seed', type=int, default=0, help='seed of the world')
    text = 'aspects in which the domains differ: layout, geometry, resolution, appearance, depth '
    text += '(default: all); in all other aspects, the domains are like the first'
    add('--gap', nargs='*', metavar='PART', help=text)
    text = 'quality of relative depth: 1 is the true height, 0 is noise (default: as in the world)'
    add('--fidelity', type=float, help=text)
    add('--null', action='store_true', help='use height and depth of unrelated tiles')
    extra = parser.add_mutually_exclusive_group().add_argument
    text = 'write images as GeoTIFFs of four bands; the fourth is near infrared'
    extra('--near-infrared', dest='bands', action='store_const', const='near-infrared', help=text)
    text = 'write images as GeoTIFFs of six bands: R, G, B on two dates, for pretraining'
    extra('--two-dates', dest='bands', action='store_const', const='two-dates', help=text)
    add('--jobs', type=int, default=1, help='number of processes, which does not affect the result')


def run(args: Namespace) -> None:
    from depthda.datasets.synthetic import PARTS, make_world, write_sample
    from depthda.datasets.synthetic.writer import plan
    from depthda.errors import many
    from depthda.progress import progress_bars

    counts = {'Train': args.train, 'Val': args.val, 'Test': args.test}
    gap = PARTS if args.gap is None else tuple(args.gap)
    world = make_world(
        args.world, tuple(args.domains), args.seed, args.size, gap, args.fidelity, args.null
    )
    total = len(plan(world, counts))
    with progress_bars() as show:

        def report(done: int) -> None:
            show('tiles', done, total)

        written = write_sample(args.out, world, counts, args.jobs, report, args.bands or 'rgb')
    done = f'{many(written, "tile")} written' if written else 'this dataset already exists'
    print(f'{args.out}: {done}')
