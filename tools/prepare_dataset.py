"""Make a data set as downloaded into the tiles that are trained on."""

import argparse
import sys

from depthda.cli import progress_bars, tool_parser, user_errors

EXAMPLE = (
    'python tools/prepare_dataset.py loveda Train.zip Val.zip Test.zip --out data/loveda\n'
    '  python tools/prepare_dataset.py isprs potsdam Potsdam.zip --out data/potsdam --workers 4\n'
    '  python tools/prepare_dataset.py isprs vaihingen downloads/Vaihingen --out data/vaihingen\n'
    '  python tools/prepare_dataset.py folder --images rgb --labels masks --classes classes.txt '
    '--out data/mine --tile 512'
)

OWN_EXAMPLES = {
    'folder': '--images rgb --labels masks --classes classes.txt --out data/mine --tile 512 '
    '--split train=0.7 val=0.1 test=0.2',
    'liuzhou': '--images tiles --labels masks --first-label 1 --out data/liuzhou '
    '--split train=train.txt val=val.txt test=test.txt',
    'arctic': '--images winter/rgb --labels winter/masks --classes classes.txt --season winter '
    '--out data/arctic/winter --tile 512 --split train=0.8 val=0.2',
}


def main() -> None:
    parser = tool_parser(__doc__, EXAMPLE)
    sets = parser.add_subparsers(dest='set', required=True, metavar='SET')
    add_loveda(sets)
    add_isprs(sets)
    for add in (add_folder, add_liuzhou, add_arctic):
        add(sets)
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


def add_isprs(sets) -> None:
    parser = sets.add_parser(
        'isprs',
        help='ISPRS Potsdam and Vaihingen',
        description='Cut orthophotos, label pictures and surface models of ISPRS Potsdam or '
        'Vaihingen into aligned tiles, straight from the zips. A run that was interrupted goes on '
        'where it was.',
        epilog=f'example:\n  {EXAMPLE}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('dataset', choices=['potsdam', 'vaihingen'])
    parser.add_argument(
        'sources', nargs='+', help='the zips, or folders with them or what they hold'
    )
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder to write (data/potsdam)'
    )
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
        help='orthophotos to cut; of Potsdam also from its RGBIR; Vaihingen has irrg alone '
        '(default: irrg)',
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
    parser.add_argument(
        '--replace',
        action='store_true',
        help='cut areas again whose files have changed, and remove the depth maps made of them; '
        'without it such a folder is left as it is',
    )
    parser.add_argument('--workers', type=int, default=1, help='processes (default: 1)')
    parser.set_defaults(call=cut_isprs)


def cut_isprs(args: argparse.Namespace) -> int:
    """Cut with a progress bar and print what there is now."""
    from depthda.preparation.isprs import Settings, prepare_isprs
    from depthda.preparation.isprs_report import describe

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
        manifest = prepare_isprs(
            args.sources, args.out, settings, args.workers, show, args.replace, print
        )
    print('\n'.join(describe(manifest, args.out)))
    return 0


def add_folder(sets) -> None:
    parser = _own_images(
        sets,
        'folder',
        'any folder of images',
        'Bring images of your own, with labels and depth or without, into one set: names paired '
        'and checked, labels as indices, depth as 16-bit maps, in tiles or whole, parted into '
        'train, val and test. A run that was interrupted goes on where it was.',
    )
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help='what the labels mean, a line a class: name; name VALUE; or name RED GREEN BLUE. The '
        'name ignore is for what does not count; the value 255 does not count unless a line has '
        'it. Without labels: what will be predicted',
    )
    parser.add_argument('--domain', help='name of the city, sensor or season, for figures of each')
    parser.set_defaults(call=lambda args: cut_folder(args, _listed_classes(args)))


def add_liuzhou(sets) -> None:
    parser = _own_images(
        sets,
        'liuzhou',
        'LiuZhou, as whoever holds it has it',
        'As folder, with the seven classes of LiuZhou; read by the configs in configs/depthseg.',
    )
    parser.add_argument(
        '--first-label',
        type=int,
        choices=[0, 1],
        default=0,
        help='value of cropland, the first class; with 1, 0 is none (default: 0)',
    )
    parser.set_defaults(call=cut_liuzhou)


def cut_liuzhou(args: argparse.Namespace) -> int:
    from depthda.datasets.liuzhou import LiuZhou
    from depthda.preparation.class_list import numbered

    args.domain = None
    names = LiuZhou.METAINFO['classes']
    return cut_folder(args, numbered(names, args.first_label) if args.labels else None)


def add_arctic(sets) -> None:
    parser = _own_images(
        sets,
        'arctic',
        'Arctic scenes, season by season',
        'As folder, a season at a time, into folders side by side (--out data/arctic/winter). The '
        'classes are not published, so the list of them is yours; all seasons have the same.',
    )
    parser.add_argument(
        '--classes', metavar='FILE', required=True, help='what the labels mean, as for folder'
    )
    parser.add_argument('--season', dest='domain', required=True, help='the domain: winter')
    parser.set_defaults(call=lambda args: cut_folder(args, _listed_classes(args)))


def _own_images(sets, name: str, title: str, description: str) -> argparse.ArgumentParser:
    """The arguments of a set that is somebody's own."""
    parser = sets.add_parser(
        name,
        help=title,
        description=description,
        epilog=f'example:\n  python tools/prepare_dataset.py {name} {OWN_EXAMPLES[name]}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--images', required=True, metavar='DIR', help='PNG, JPEG or TIFF; sub-folders too'
    )
    parser.add_argument('--labels', metavar='DIR', help='label pictures of the same names')
    parser.add_argument(
        '--depth',
        metavar='DIR',
        help='depth maps (PNG) or heights (TIFF) of the same names; without: tools/'
        'estimate_depth.py can make them of the images that are written',
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder to write')
    for kind, sample in (('image', '_RGB.tif'), ('label', '_label.tif'), ('depth', '_dsm.tif')):
        parser.add_argument(
            f'--{kind}-suffix',
            metavar='END',
            help=f'how the file names end where names differ ({sample}; one that begins with - '
            f'needs an equals sign, --{kind}-suffix=-x.tif); the rest pairs them',
        )
    parser.add_argument('--tile', type=int, help='side of a tile (default: images stay whole)')
    parser.add_argument(
        '--stride',
        type=int,
        help='from tile to tile (default: the tile); the last one of a row is moved back to end '
        'with the image',
    )
    parser.add_argument(
        '--bands',
        nargs='+',
        type=int,
        metavar='N',
        help='bands to keep, from 1: red, green and blue first (4 1 2: IRRG of RGBIR; 1 2 3 4: all '
        'four, written as GeoTIFF); needed where an image has not one or three',
    )
    parser.add_argument(
        '--stretch',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='values that become 0 and 255, of images with more than 8 bits',
    )
    parser.add_argument(
        '--keep-values',
        action='store_true',
        help='keep images of 16 bits as they are, as GeoTIFF; mean and std of the model are then '
        'in their values',
    )
    parser.add_argument(
        '--nearest-colour',
        action='store_true',
        help='give labels in a colour of no class the class of the nearest colour; otherwise they '
        'are an error',
    )
    parser.add_argument(
        '--depth-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='heights that become depth 0 and 1 (default: lowest and highest of all)',
    )
    parser.add_argument(
        '--warp-depth',
        action='store_true',
        help='bring heights on another grid to that of their image, by the georeferences',
    )
    parser.add_argument(
        '--depth-name', default='depth', metavar='NAME', help='folder of the maps (default: depth)'
    )
    parser.add_argument(
        '--split',
        nargs='+',
        metavar='NAME=PART',
        help='train=0.7 val=0.1 test=0.2, or train=train.txt val=val.txt with a name a line',
    )
    parser.add_argument(
        '--split-by',
        choices=['image', 'block'],
        default='image',
        help='image: by lot, the tiles of an image together; block: the ground is cut across, by '
        'the map where all images have a place on it (default: image)',
    )
    parser.add_argument('--seed', type=int, help='of the lot of --split (default: 0)')
    parser.add_argument(
        '--replace',
        action='store_true',
        help='remove from --out the tiles of other images or settings, and the depth maps made of '
        'them; without it such a folder is left as it is',
    )
    parser.add_argument('--workers', type=int, default=1, help='processes (default: 1)')
    return parser


def _listed_classes(args: argparse.Namespace):
    from depthda.preparation.class_list import read_classes

    return read_classes(args.classes) if args.classes else None


def cut_folder(args: argparse.Namespace, classes) -> int:
    """Cut with a progress bar and print what there is now."""
    from pathlib import Path

    from depthda.preparation.folder import Settings, prepare_folder
    from depthda.preparation.folder_report import describe
    from depthda.preparation.folder_rows import Cut
    from depthda.preparation.folder_splits import read_splits

    cut = Cut(
        tile=args.tile,
        stride=args.tile if args.stride is None else args.stride,
        bands=args.bands and tuple(args.bands),
        stretch=args.stretch and tuple(args.stretch),
        keep_values=args.keep_values,
        classes=classes,
        nearest_colour=args.nearest_colour,
        depth_range=args.depth_range and tuple(args.depth_range),
        warp=args.warp_depth,
        depth_name=args.depth_name,
    )
    settings = Settings(
        images=Path(args.images),
        labels=args.labels and Path(args.labels),
        depth=args.depth and Path(args.depth),
        image_suffix=args.image_suffix,
        label_suffix=args.label_suffix,
        depth_suffix=args.depth_suffix,
        cut=cut,
        splits=read_splits(args.split, args.split_by, args.seed),
        domain=args.domain,
    )
    with progress_bars() as show:
        manifest = prepare_folder(args.out, settings, args.workers, show, args.replace, print)
    print('\n'.join(describe(manifest, args.out)))
    return 0


if __name__ == '__main__':
    main()
