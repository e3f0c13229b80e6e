"""Turn surface models into depth maps: 16 bits, one range of heights for the whole dataset.

A map is a PNG with the size, the stem and the place in the tree of its surface model: larger =
higher above ground (or above the sea), 0 = no depth. DIR/a/12.png is the map of FOLDER/a/12.tif,
where FOLDER is the given folder, or the one that holds a given file. Next to it lies a world file
(12.pgw) if the surface model is georeferenced. manifest.json records how the maps were made and
what was counted. A run that was stopped continues where it was.
"""

from argparse import ArgumentParser, Namespace

from depthda.cli import TupleAction, add_range, picked

EXAMPLES = (
    '%(prog)s scenes/dsm --out scenes/depth --ground scenes/dtm',
    '%(prog)s scenes/dsm --out scenes/depth --ground opening --window 60 --nodata -9999',
    '%(prog)s data/loveda/Train/Urban/ndsm --out data/loveda/Train/Urban/rdepth/ndsm --range 0 40',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('heights', nargs='+', metavar='HEIGHTS', help='GeoTIFFs, or folders')
    add('--out', required=True, metavar='DIR', help='folder of the maps')
    scale = parser.add_mutually_exclusive_group()
    add_range(
        scale,
        '--percentiles',
        'percentiles of all heights of the dataset that become depth 0 and 1; heights outside are '
        'clipped. Not 0 100, because one bird, crane or pit would take the whole range',
        default=(0.5, 99.5),
    )
    text = 'heights that become depth 0 and 1 instead, to use one range for several runs'
    add_range(scale, '--range', text, dest='value_range')
    add(
        '--nodata',
        nargs='+',
        type=float,
        action=TupleAction,
        default=(),
        metavar='VALUE',
        help='values that are not heights, for files that do not declare them (-9999; with an '
        'exponent --nodata=-3.4e38)',
    )
    add(
        '--fill',
        action='store_true',
        help='give pixels without height the nearest height; otherwise they are "no depth". Takes '
        'about 15 bytes per pixel of memory, because a map can no longer be written in strips',
    )
    add(
        '--ground',
        default='none',
        metavar='none|opening|DIR',
        help='subtract the ground. opening: found in the surface model; DIR: terrain models of the '
        'same stems, on the same grid',
    )
    add(
        '--window',
        type=float,
        metavar='METRES',
        help="side of the opening's window: LARGER THAN THE LARGEST BUILDING, or its middle is "
        'taken for ground; not much larger, or hills are removed as well',
    )
    add('--window-pixels', type=int, metavar='N', help='the same for files without georeference')
    add('--workers', type=int, default=2, help='threads')


def run(args: Namespace) -> None:
    from depthda.depth.surface.normalize import SurfaceSettings, map_surfaces
    from depthda.depth.surface.report import describe
    from depthda.progress import progress_bars

    names = 'percentiles', 'value_range', 'nodata', 'fill', 'ground', 'window', 'window_pixels'
    with progress_bars() as show:
        done = map_surfaces(
            args.heights, args.out, SurfaceSettings(**picked(args, *names)), args.workers, show
        )
    print('\n'.join(describe(done, args.out, args.fill)))
