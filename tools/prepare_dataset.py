"""Make a data set as downloaded into the tiles that are trained on."""

import argparse
import sys

from depthda.cli import progress_bars, tool_parser, user_errors

EXAMPLE = (
    'python tools/prepare_dataset.py loveda Train.zip Val.zip Test.zip --out data/loveda\n'
    '  python tools/prepare_dataset.py isprs potsdam downloads/Potsdam data/potsdam --workers 4\n'
    '  python tools/prepare_dataset.py isprs vaihingen downloads/Vaihingen data/vaihingen'
)


def main() -> None:
    parser = tool_parser(__doc__, EXAMPLE)
    sets = parser.add_subparsers(dest='set', required=True, metavar='SET')
    add_loveda(sets)
    add_isprs(sets)
    args = parser.parse_args()
    with user_errors():
        sys.exit(args.call(args))


def add_loveda(sets) -> None:
    parser = sets.add_parser(
        'loveda',
        help='LoveDA',
        description='Unpack and check LoveDA: counts, sizes and codes; Urban and Rural stay apart, '
        'also where a converter has merged them. A run that was interrupted goes on where it was. '
        'Exit status 1: something is missing.',
        epilog=f'example:\n  {EXAMPLE}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'sources', nargs='+', help='the zips, or folders with them or what they hold'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder to write (data/loveda)')
    parser.add_argument(
        '--partial',
        action='store_true',
        help='a part of the set will do, and pictures of other sizes than 1024²',
    )
    parser.add_argument('--workers', type=int, default=4, help='threads (default: 4)')
    parser.set_defaults(call=unpack_loveda)


def unpack_loveda(args: argparse.Namespace) -> int:
    """Unpack with a progress bar and print what there is now; 1 if something is missing."""
    from depthda.datasets.preparation.loveda import counts, prepare_loveda

    with progress_bars() as show:
        absent = prepare_loveda(
            args.sources,
            args.out,
            args.partial,
            args.workers,
            lambda done, total: show('pictures', done, total),
        )
    print(f'{args.out}:')
    for (split, domain), (images, masks, whole) in counts(args.out).items():
        print(f'  {split:<5} {domain:<5} {images:>5,} of {whole:,} images, {masks:>5,} masks')
    for line in absent:
        print(line)
    return 1 if absent and not args.partial else 0


def add_isprs(sets) -> None:
    parser = sets.add_parser(
        'isprs',
        help='ISPRS Potsdam and Vaihingen',
        description='Cut orthophotos, label pictures and surface models of ISPRS Potsdam or '
        'Vaihingen into aligned tiles. A run that was interrupted goes on where it was.',
        epilog=f'example:\n  {EXAMPLE}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('dataset', choices=['potsdam', 'vaihingen'])
    parser.add_argument('source', help='folder of the unpacked downloads, whatever is below it')
    parser.add_argument('out', help='folder to write (data/potsdam)')
    parser.add_argument('--tile', type=int, help='side of a tile (default: 896; Vaihingen 512)')
    parser.add_argument(
        '--stride',
        type=int,
        help='from tile to tile (default: the tile); the last one of a row '
        'is moved back to end with the image',
    )
    parser.add_argument(
        '--bands',
        nargs='+',
        choices=['irrg', 'rgb'],
        default=['irrg'],
        help='orthophotos to cut; Vaihingen has irrg alone (default: irrg)',
    )
    parser.add_argument(
        '--labels',
        choices=['full', 'no-boundary', 'none'],
        default='full',
        help='label pictures: full, those with the borders of objects ignored, or none '
        '(default: full)',
    )
    parser.add_argument(
        '--depth',
        nargs='*',
        choices=['dsm', 'ndsm'],
        default=['dsm'],
        help='surface models: heights above the sea, above the ground; --depth alone: none '
        '(default: dsm)',
    )
    parser.add_argument('--areas', nargs='+', metavar='AREA', help='2_10 or area1 (default: all)')
    parser.add_argument(
        '--dsm-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='metres that become depth 0 and 1 (default: lowest and highest of all areas)',
    )
    parser.add_argument(
        '--nearest-colour',
        action='store_true',
        help='give labels in a colour of no class the class of the nearest colour; otherwise they '
        'are an error',
    )
    parser.add_argument('--workers', type=int, default=1, help='processes (default: 1)')
    parser.set_defaults(call=cut_isprs)


def cut_isprs(args: argparse.Namespace) -> int:
    """Cut with a progress bar and print what there is now."""
    from depthda.datasets.preparation.isprs import Settings, prepare_isprs
    from depthda.datasets.preparation.isprs_report import describe

    settings = Settings(
        dataset=args.dataset,
        tile=args.tile,
        stride=args.stride,
        bands=tuple(dict.fromkeys(args.bands)),
        labels=None if args.labels == 'none' else args.labels,
        depth=tuple(dict.fromkeys(args.depth)),
        areas=tuple(dict.fromkeys(args.areas)) if args.areas else None,
        dsm_range=tuple(args.dsm_range) if args.dsm_range else None,
        nearest_colour=args.nearest_colour,
    )
    with progress_bars() as show:
        manifest = prepare_isprs(args.source, args.out, settings, args.workers, show)
    print('\n'.join(describe(manifest, args.out)))
    return 0


if __name__ == '__main__':
    main()
