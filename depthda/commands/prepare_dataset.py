"""Turn a dataset as downloaded into the tiles that models are trained on."""

from argparse import ArgumentParser, Namespace

from depthda.cli import help_texts, progress_bars
from depthda.commands import prepare_folder

EXAMPLES = (
    '%(prog)s loveda Train.zip Val.zip Test.zip --out data/loveda',
    '%(prog)s isprs potsdam Potsdam.zip --out data/potsdam --workers 4',
    '%(prog)s isprs vaihingen downloads/Vaihingen --out data/vaihingen',
    '%(prog)s folder --images rgb --labels masks --classes classes.txt --out data/mine --tile 512',
)
_LOVEDA = (
    'Unpack and check LoveDA: counts, sizes and codes; Urban and Rural stay apart, also where a '
    'converter has merged them. An interrupted run continues where it was. Exit status 1: '
    'something is missing.'
)
_ISPRS = (
    'Cut orthophotos, label pictures and surface models of ISPRS Potsdam or Vaihingen into aligned '
    'tiles, straight from the zips. An interrupted run continues where it was.'
)


def add_arguments(parser: ArgumentParser) -> None:
    datasets = parser.add_subparsers(dest='dataset_kind', required=True, metavar='DATASET')
    loveda = datasets.add_parser(
        'loveda',
        help='LoveDA',
        **help_texts(_LOVEDA, '%(prog)s Train.zip Val.zip Test.zip --out data/loveda'),
    )
    _add_loveda(loveda)
    isprs = datasets.add_parser(
        'isprs',
        help='ISPRS Potsdam and Vaihingen',
        **help_texts(
            _ISPRS,
            '%(prog)s potsdam Potsdam.zip --out data/potsdam --workers 4',
            '%(prog)s vaihingen downloads/Vaihingen --out data/vaihingen',
        ),
    )
    _add_isprs(isprs)
    _add_isprs_choices(isprs)
    prepare_folder.add_parsers(datasets)


def run(args: Namespace) -> int:
    return args.call(args)


def _add_sources(parser: ArgumentParser, out: str) -> None:
    parser.add_argument(
        'sources', nargs='+', help='the zips, or folders with the zips or with their content'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help=f'folder to write ({out})')


def _add_loveda(parser: ArgumentParser) -> None:
    _add_sources(parser, 'data/loveda')
    parser.add_argument(
        '--partial',
        action='store_true',
        help='accept a part of the dataset, and pictures of other sizes than 1024²',
    )
    parser.add_argument('--workers', type=int, default=4, help='threads (default: 4)')
    parser.set_defaults(call=_unpack_loveda)


def _unpack_loveda(args: Namespace) -> int:
    """Unpack with a progress bar and print what there is now; returns 1 if something is missing."""
    from depthda.preparation.loveda import counts, prepare_loveda

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


def _add_isprs(parser: ArgumentParser) -> None:
    parser.add_argument('dataset', choices=['potsdam', 'vaihingen'])
    _add_sources(parser, 'data/potsdam')
    parser.add_argument('--tile', type=int, help='side of a tile (default: 896; Vaihingen 512)')
    prepare_folder.add_stride(parser)
    parser.add_argument('--areas', nargs='+', metavar='AREA', help='2_10 or area1 (default: all)')
    prepare_folder.add_nearest_colour(parser)
    parser.add_argument(
        '--replace',
        action='store_true',
        help='cut areas again whose files have changed, and remove the depth maps made from them; '
        'without it such a folder is left as it is',
    )
    parser.add_argument('--workers', type=int, default=1, help='processes (default: 1)')
    parser.set_defaults(call=_cut_isprs)


def _add_isprs_choices(parser: ArgumentParser) -> None:
    parser.add_argument(
        '--bands',
        nargs='+',
        choices=['irrg', 'rgb'],
        default=['irrg'],
        help='orthophotos to cut, for Potsdam also from its RGBIR; Vaihingen has only irrg '
        '(default: irrg)',
    )
    parser.add_argument(
        '--labels',
        choices=['full', 'no-boundary', 'none'],
        default='full',
        help='label pictures: full, those in which the borders of objects are ignored, or none '
        '(default: full)',
    )
    parser.add_argument(
        '--depth',
        nargs='*',
        choices=['dsm', 'ndsm'],
        default=['dsm'],
        help='surface models: heights above the sea (dsm) or above the ground (ndsm); --depth '
        'without a value: none (default: dsm)',
    )
    parser.add_argument(
        '--dsm-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='metres that become depth 0 and 1 (default: lowest and highest of all areas)',
    )


def _cut_isprs(args: Namespace) -> int:
    """Cut with a progress bar and print what there is now."""
    from depthda.preparation.isprs import IsprsSettings, prepare_isprs
    from depthda.preparation.report import describe_isprs

    settings = IsprsSettings(
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
        manifest = prepare_isprs(
            args.sources, args.out, settings, args.workers, show, args.replace, print
        )
    print('\n'.join(describe_isprs(manifest, args.out)))
    return 0
