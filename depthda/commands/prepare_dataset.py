"""Turn a dataset as downloaded into the tiles that models are trained on."""

from argparse import ArgumentParser, Namespace
from functools import partial

from depthda.cli import add_range, help_texts, picked
from depthda.commands import prepare_folder, prepare_pack

_LOVEDA = '%(prog)s Train.zip Val.zip Test.zip --out data/loveda'
_ISPRS = (
    '%(prog)s potsdam Potsdam.zip --out data/potsdam --workers 4',
    '%(prog)s vaihingen downloads/Vaihingen --out data/vaihingen',
)
EXAMPLES = (
    _LOVEDA.replace(' ', ' loveda ', 1),
    *(example.replace(' ', ' isprs ', 1) for example in _ISPRS),
    '%(prog)s folder --images rgb --labels masks --classes classes.txt --out data/north --tile 512',
)
_ABOUT_LOVEDA = (
    'Unpack LoveDA, and check the number and sizes of the images and the values of the labels. '
    'Urban and Rural are written to separate folders, even if a converter has merged them. An '
    'interrupted run continues where it stopped. The exit status is 1 if something is missing.'
)
_ABOUT_ISPRS = (
    'Cut orthophotos, label images and surface models of ISPRS Potsdam or Vaihingen into aligned '
    'tiles, directly from the zips. An interrupted run continues where it stopped.'
)


def add_arguments(parser: ArgumentParser) -> None:
    datasets = parser.add_subparsers(dest='dataset_kind', required=True, metavar='DATASET')
    texts = help_texts(_ABOUT_LOVEDA, _LOVEDA)
    _add_loveda(datasets.add_parser('loveda', help='LoveDA', **texts))
    texts = help_texts(_ABOUT_ISPRS, *_ISPRS)
    _add_isprs(datasets.add_parser('isprs', help='ISPRS Potsdam and Vaihingen', **texts))
    prepare_folder.add_parsers(datasets)
    prepare_pack.add_parser(datasets)


def run(args: Namespace) -> int:
    return args.call(args)


def _add_sources(parser: ArgumentParser, out: str) -> None:
    text = 'the zips, or folders with the zips or with their content'
    parser.add_argument('sources', nargs='+', help=text)
    parser.add_argument(
        '--out', required=True, metavar='DIR', help=f'folder to write, such as {out}'
    )


def _add_loveda(parser: ArgumentParser) -> None:
    _add_sources(parser, 'data/loveda')
    text = 'accept an incomplete dataset, and images of other sizes than 1024 × 1024'
    parser.add_argument('--partial', action='store_true', help=text)
    parser.add_argument('--workers', type=int, default=4, help='number of threads')
    parser.set_defaults(call=_unpack_loveda)


def _unpack_loveda(args: Namespace) -> int:
    from depthda.preparation.loveda import counts, prepare_loveda
    from depthda.progress import progress_bars

    with progress_bars() as show:
        progress = partial(show, 'pictures')
        missing = prepare_loveda(args.sources, args.out, args.partial, args.workers, progress)
    print(f'{args.out}:')
    for (split, domain), (images, masks, expected) in counts(args.out).items():
        print(f'  {split:<5} {domain:<5} {images:>5,} of {expected:,} images, {masks:>5,} masks')
    for line in missing:
        print(line)
    return 1 if missing and not args.partial else 0


def _add_isprs(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('dataset', choices=['potsdam', 'vaihingen'])
    _add_sources(parser, 'data/potsdam')
    add('--tile', type=int, help='side of a tile (default: 896; Vaihingen 512)')
    prepare_folder.add_stride(parser)
    text = 'areas to cut, such as 2_10 or area1 (default: all)'
    add('--areas', nargs='+', metavar='AREA', help=text)
    prepare_folder.add_nearest_colour(parser)
    text = 'recut areas whose files have changed, and remove the depth maps estimated from changed '
    text += 'images; without this option, a run with changed files stops and changes nothing'
    add('--replace', action='store_true', help=text)
    add('--workers', type=int, default=1, help='number of processes')
    text = (
        'orthophotos to cut; for Potsdam, RGBIR files serve for both, and Vaihingen has only irrg'
    )
    add('--bands', nargs='+', choices=['irrg', 'rgb'], default=['irrg'], help=text)
    text = 'label images: full, no-boundary (the borders of objects are ignored) or none'
    add('--labels', choices=['full', 'no-boundary', 'none'], default='full', help=text)
    text = 'surface models: heights above sea level (dsm) or above ground (ndsm); write --depth '
    text += 'without a value for none'
    add('--depth', nargs='*', choices=['dsm', 'ndsm'], default=['dsm'], help=text)
    text = 'metres that become depth 0 and 1 (default: lowest and highest of all areas)'
    add_range(parser, '--dsm-range', text)
    parser.set_defaults(call=_cut_isprs)


def _cut_isprs(args: Namespace) -> int:
    from depthda.preparation.isprs import IsprsSettings, prepare_isprs
    from depthda.preparation.report import describe_isprs
    from depthda.progress import progress_bars

    settings = IsprsSettings(
        **picked(args, 'dataset', 'tile', 'stride', 'dsm_range', 'nearest_colour'),
        bands=tuple(dict.fromkeys(args.bands)),
        labels=None if args.labels == 'none' else args.labels,
        depth=tuple(dict.fromkeys(args.depth)),
        areas=tuple(dict.fromkeys(args.areas)) if args.areas else None,
    )
    with progress_bars() as show:
        manifest = prepare_isprs(
            args.sources, args.out, settings, args.workers, show, args.replace, print
        )
    print('\n'.join(describe_isprs(manifest, args.out)))
    return 0
