"""The custom datasets of ``depthda prepare-dataset``: a folder of images, LiuZhou, Arctic."""

from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path

from depthda.cli import TupleAction, add_range, help_texts, picked
from depthda.config_files import find_config

_TEXTS = {
    'folder': 'Make a dataset of your own images, with or without labels and depth. Files are '
    'paired by name and checked. Labels become class indices, and depth becomes 16-bit maps. '
    'Images are cut into tiles or kept as they are, and are split into train, val and test. An '
    'interrupted run continues where it stopped.',
    'liuzhou': 'Like folder, with the seven classes of LiuZhou. The configs in configs/depthseg '
    'read the dataset.',
    'arctic': 'Like folder, for one season at a time, each in its own folder (--out '
    'data/arctic/winter). The classes are not published, so you list them yourself. Use the same '
    'list for all seasons.',
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
        help='list of the classes, one per line: NAME, NAME VALUE, or NAME RED GREEN BLUE. The '
        'name ignore is for pixels that do not count. The value 255 does not count unless a line '
        'has it. Without labels: the classes that will be predicted',
    )
    text = 'name of the city, sensor or season, to report scores for each'
    folder.add_argument('--domain', help=text)
    folder.set_defaults(call=lambda args: _cut(args, _listed_classes(args)))

    liuzhou = _add_parser(datasets, 'liuzhou', 'LiuZhou, in any layout')
    text = 'value of cropland, which is the first class; with 1, the value 0 is not a class'
    liuzhou.add_argument('--first-label', type=int, choices=[0, 1], default=0, help=text)
    liuzhou.set_defaults(call=_cut_liuzhou, domain=None)

    arctic = _add_parser(datasets, 'arctic', 'Arctic scenes, season by season')
    text = 'list of the classes, as for folder'
    arctic.add_argument('--classes', metavar='FILE', required=True, help=text)
    text = 'name of the domain, such as winter'
    arctic.add_argument('--season', dest='domain', required=True, help=text)
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
    text = 'folder of the images (PNG, JPEG or TIFF, also in sub-folders)'
    add('--images', required=True, type=Path, metavar='DIR', help=text)
    text = 'folder of label images with the same names, or a file of polygons (.gpkg, .geojson)'
    add('--labels', type=Path, metavar='DIR', help=text)
    text = 'attribute of the polygons with the name or the value of the class'
    add('--class-field', metavar='NAME', help=text)
    text = 'folder of depth maps (PNG) or heights (TIFF) with the same names; if you have none, '
    text += 'leave this out, and later estimate maps of the written images with depthda depth'
    add('--depth', type=Path, metavar='DIR', help=text)
    add('--out', required=True, metavar='DIR', help='folder to write')
    for kind, sample in (('image', '_RGB.tif'), ('label', '_label.tif'), ('depth', '_dsm.tif')):
        add(
            f'--{kind}-suffix',
            metavar='END',
            help=f'ending of the {kind} file names, such as {sample}, if the names of image, label '
            'and depth differ in more than the file type. Files are paired by the part of the name '
            f'before the ending. If the ending begins with -, write --{kind}-suffix=-x.tif',
        )
    text = 'if --out contains tiles of other images or settings, remove them and the depth maps '
    text += 'made from them; without this option, such a folder is refused and stays as it is'
    add('--replace', action='store_true', help=text)
    add('--workers', type=int, default=1, help='number of processes')


def _add_image_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('--tile', type=int, help='side of a tile (default: images are not cut)')
    add_stride(parser)
    text = 'bands to keep, counted from 1, with red, green and blue first (4 1 2: IRRG of RGBIR; '
    text += '1 2 3 4: all four, written as GeoTIFF); needed unless images have one or three bands'
    add('--bands', nargs='+', type=int, action=TupleAction, metavar='N', help=text)
    text = 'input values mapped to 0 and 255, if images do not have 8 bits'
    add_range(parser, '--stretch', text)
    text = 'keep the values of 16-bit images and write GeoTIFFs; mean and std of the model must '
    text += 'then be in the units of the images'
    add('--keep-values', action='store_true', help=text)
    add_nearest_colour(parser)


def add_stride(parser: ArgumentParser) -> None:
    text = 'distance between the starts of neighbouring tiles (default: the side of a tile); the '
    text += 'last tile of a row is moved back so that it ends with the image'
    parser.add_argument('--stride', type=int, help=text)


def add_nearest_colour(parser: ArgumentParser) -> None:
    text = 'if the colour of a label pixel belongs to no class, use the class of the nearest '
    text += 'colour; without this option, such a pixel is an error'
    parser.add_argument('--nearest-colour', action='store_true', help=text)


def _add_depth_options(parser: ArgumentParser) -> None:
    text = 'heights that become depth 0 and 1 (default: lowest and highest of all)'
    add_range(parser, '--depth-range', text)
    text = 'resample heights on another grid to the grid of their image, by the georeferences'
    parser.add_argument('--warp-depth', dest='warp', action='store_true', help=text)
    text = 'name of the folder for the maps'
    parser.add_argument('--depth-name', default='depth', metavar='NAME', help=text)


def _add_split_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'splits by share or by lists: train=0.7 val=0.1 test=0.2, or train=train.txt '
    text += 'val=val.txt with one name per line'
    add('--split', nargs='+', metavar='NAME=PART', help=text)
    text = 'image: at random, with the tiles of an image together; block: by area. If all images '
    text += 'are georeferenced in one coordinate system, the area that they cover together is cut '
    text += 'across its longer side; otherwise each image is cut across its longer side'
    add('--split-by', choices=['image', 'block'], default='image', help=text)
    add('--seed', type=int, help='seed of a --split at random (default: 0)')


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
    from depthda.preparation.folder import FolderSettings, prepare_folder
    from depthda.preparation.report import describe_folder
    from depthda.preparation.scene import Cut
    from depthda.preparation.splits import read_splits
    from depthda.progress import progress_bars

    if args.stride is None:
        args.stride = args.tile
    # The options have the names of the fields.
    options = [field.name for field in fields(Cut) if field.name != 'classes']
    files = 'images', 'labels', 'depth', 'image_suffix', 'label_suffix', 'depth_suffix', 'domain'
    settings = FolderSettings(
        **picked(args, *files),
        cut=Cut(**picked(args, *options), classes=classes),
        splits=read_splits(args.split, args.split_by, args.seed),
    )
    with progress_bars() as show:
        manifest = prepare_folder(args.out, settings, args.workers, show, args.replace, print)
    print('\n'.join(describe_folder(manifest, args.out)))
    return 0
