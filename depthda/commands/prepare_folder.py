"""The custom datasets of ``depthda prepare-dataset``: a folder of images, LiuZhou, Arctic."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.cli import TupleAction, add_range, help_texts, picked
from depthda.config_files import find_config

_TEXTS = {
    'folder': 'Bring your own images, with or without labels and depth, into one dataset: names '
    'paired and checked, labels as indices, depth as 16-bit maps, in tiles or whole, split into '
    'train, val and test. An interrupted run continues where it was.',
    'liuzhou': 'Like folder, with the seven classes of LiuZhou; the configs in configs/depthseg '
    'read it.',
    'arctic': 'Like folder, one season at a time, each into a folder of its own (--out '
    'data/arctic/winter). The classes are not published, so you list them yourself; all seasons '
    'have the same.',
}
_EXAMPLES = {
    'folder': '%(prog)s --images rgb --labels masks --classes classes.txt --out data/north '
    '--tile 512 --split train=0.7 val=0.1 test=0.2',
    'liuzhou': '%(prog)s --images tiles --labels masks --first-label 1 --out data/liuzhou '
    '--split train=train.txt val=val.txt test=test.txt',
    'arctic': '%(prog)s --images winter/rgb --labels winter/masks --classes classes.txt '
    '--season winter --out data/arctic/winter --tile 512 --split train=0.8 val=0.2',
}


def add_parsers(datasets) -> None:
    """Add the three sub-commands for images of any origin."""
    folder = _add_parser(datasets, 'folder', 'any folder of images')
    folder.add_argument(
        '--classes',
        metavar='FILE',
        help='what the labels mean, one class per line: name; name VALUE; or name RED GREEN BLUE. '
        'The name ignore is for pixels that do not count; the value 255 does not count unless a '
        'line has it. Without labels: the classes that will be predicted',
    )
    text = 'name of the city, sensor or season, for separate figures of each'
    folder.add_argument('--domain', help=text)
    folder.set_defaults(call=lambda args: _cut(args, _listed_classes(args)))

    liuzhou = _add_parser(datasets, 'liuzhou', 'LiuZhou, in whatever layout you have it')
    text = 'value of cropland, the first class; with 1, 0 is not a class'
    liuzhou.add_argument('--first-label', type=int, choices=[0, 1], default=0, help=text)
    liuzhou.set_defaults(call=_cut_liuzhou, domain=None)

    arctic = _add_parser(datasets, 'arctic', 'Arctic scenes, season by season')
    text = 'what the labels mean, as for folder'
    arctic.add_argument('--classes', metavar='FILE', required=True, help=text)
    arctic.add_argument('--season', dest='domain', required=True, help='the domain: winter')
    arctic.set_defaults(call=lambda args: _cut(args, _listed_classes(args)))


def _add_parser(datasets, name: str, title: str) -> ArgumentParser:
    parser = datasets.add_parser(name, help=title, **help_texts(_TEXTS[name], _EXAMPLES[name]))
    _add_files(parser)
    _add_image_options(parser)
    _add_depth_options(parser)
    _add_split_options(parser)
    return parser


def _add_files(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'PNG, JPEG or TIFF, also in sub-folders'
    add('--images', required=True, type=Path, metavar='DIR', help=text)
    text = 'label pictures of the same names, or a file of polygons (.gpkg, .geojson)'
    add('--labels', type=Path, metavar='DIR', help=text)
    text = 'with polygons: attribute that holds the class, by its name or its value'
    add('--class-field', metavar='NAME', help=text)
    add(
        '--depth',
        type=Path,
        metavar='DIR',
        help='depth maps (PNG) or heights (TIFF) of the same names; without them, depthda depth '
        'can make maps of the images that are written',
    )
    add('--out', required=True, metavar='DIR', help='folder to write')
    for kind, sample in (('image', '_RGB.tif'), ('label', '_label.tif'), ('depth', '_dsm.tif')):
        add(
            f'--{kind}-suffix',
            metavar='END',
            help=f'end of the file names, where the names differ ({sample}; an end that begins '
            f'with - needs an equals sign, --{kind}-suffix=-x.tif); the rest of the name pairs '
            'the files',
        )
    add(
        '--replace',
        action='store_true',
        help='remove from --out the tiles of other images or settings, and the depth maps made '
        'from them; without it such a folder is left as it is',
    )
    add('--workers', type=int, default=1, help='processes')


def _add_image_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('--tile', type=int, help='side of a tile (default: images stay whole)')
    add_stride(parser)
    add(
        '--bands',
        nargs='+',
        type=int,
        action=TupleAction,
        metavar='N',
        help='bands to keep, counted from 1: red, green and blue first (4 1 2: IRRG of RGBIR; 1 2 '
        '3 4: all four, written as GeoTIFF); needed where an image does not have one or three',
    )
    text = 'input values mapped to 0 and 255, of images with more than 8 bits'
    add_range(parser, '--stretch', text)
    add(
        '--keep-values',
        action='store_true',
        help='keep images of 16 bits as they are, as GeoTIFF; mean and std of the model are then '
        'in their units',
    )
    add_nearest_colour(parser)


def add_stride(parser: ArgumentParser) -> None:
    """Add ``--stride``."""
    parser.add_argument(
        '--stride',
        type=int,
        help='distance from tile to tile (default: the side of a tile); the last tile of a row is '
        'moved back so that it ends with the image',
    )


def add_nearest_colour(parser: ArgumentParser) -> None:
    """Add ``--nearest-colour``."""
    parser.add_argument(
        '--nearest-colour',
        action='store_true',
        help='give labels in a colour without a class the class of the nearest colour; otherwise '
        'they are an error',
    )


def _add_depth_options(parser: ArgumentParser) -> None:
    text = 'heights that become depth 0 and 1 (default: lowest and highest of all)'
    add_range(parser, '--depth-range', text)
    text = 'resample heights on another grid to that of their image, by the georeferences'
    parser.add_argument('--warp-depth', dest='warp', action='store_true', help=text)
    text = 'folder of the maps'
    parser.add_argument('--depth-name', default='depth', metavar='NAME', help=text)


def _add_split_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'train=0.7 val=0.1 test=0.2, or train=train.txt val=val.txt with one name per line'
    add('--split', nargs='+', metavar='NAME=PART', help=text)
    add(
        '--split-by',
        choices=['image', 'block'],
        default='image',
        help='image: at random, with the tiles of an image together; block: cut the area '
        'across its longer side, on the map where all images are georeferenced',
    )
    add('--seed', type=int, help='seed of the random --split (default: 0)')


def _listed_classes(args: Namespace):
    from depthda.datasets.class_list import read_classes

    # The list of the synthetic classes comes with the configs.
    return read_classes(find_config(args.classes)) if args.classes else None


def _cut_liuzhou(args: Namespace) -> int:
    from depthda.datasets.class_list import numbered
    from depthda.datasets.liuzhou import LiuZhou

    names = LiuZhou.METAINFO['classes']
    return _cut(args, numbered(names, args.first_label) if args.labels else None)


def _cut(args: Namespace, classes) -> int:
    """Cut with a progress bar and print what there is now."""
    from depthda.preparation.folder import FolderSettings, prepare_folder
    from depthda.preparation.report import describe_folder
    from depthda.preparation.scene import Cut
    from depthda.preparation.splits import read_splits
    from depthda.progress import progress_bars

    if args.stride is None:
        args.stride = args.tile
    how = ('tile', 'stride', 'bands', 'stretch', 'keep_values', 'nearest_colour', 'depth_range')
    files = ('images', 'labels', 'depth', 'image_suffix', 'label_suffix', 'depth_suffix')
    settings = FolderSettings(
        **picked(args, *files, 'domain'),
        cut=Cut(**picked(args, *how, 'warp', 'depth_name', 'class_field'), classes=classes),
        splits=read_splits(args.split, args.split_by, args.seed),
    )
    with progress_bars() as show:
        manifest = prepare_folder(args.out, settings, args.workers, show, args.replace, print)
    print('\n'.join(describe_folder(manifest, args.out)))
    return 0
