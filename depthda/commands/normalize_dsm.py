"""Turn surface models into 16-bit depth maps, with one range of heights for the complete dataset.

A map is a PNG with the size and the stem of its surface model: larger values are higher above
ground (or above sea level), and 0 is no depth. The map of FOLDER/a/12.tif is DIR/a/12.png, where
FOLDER is a named folder, or the folder of a named file. It has a world file (12.pgw) if the surface
model is georeferenced. manifest.json records the settings, statistics and counts. Run the same
command again to continue a run that was stopped.
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
    add('--out', required=True, metavar='DIR', help='folder for the maps')
    scale = parser.add_mutually_exclusive_group()
    add_range(
        scale,
        '--percentiles',
        'percentiles of all heights of the dataset that become depth 0 and 1; heights outside are '
        'clipped. Do not use 0 100, because one bird, crane or pit would stretch the range',
        default=(0.5, 99.5),
    )
    text = 'heights that become depth 0 and 1, to use the same range in several runs'
    add_range(scale, '--range', text, dest='value_range')
    add(
        '--nodata',
        nargs='+',
        type=float,
        action=TupleAction,
        default=(),
        metavar='VALUE',
        help='no-data values of files that do not declare them, such as -9999 (write values with '
        'an exponent as --nodata=-3.4e38)',
    )
    add(
        '--fill',
        action='store_true',
        help='fill pixels without height with the nearest height; otherwise they are "no depth". '
        'This needs about 15 bytes of memory per pixel, because maps cannot be written in strips',
    )
    text = 'ground to subtract. opening: estimate it by a morphological opening of the surface '
    text += 'model; DIR: folder of terrain models with the same stems and grid'
    add('--ground', default='none', metavar='none|opening|DIR', help=text)
    text = 'window of the opening. It must be LARGER THAN THE LARGEST BUILDING, or the middle of '
    text += 'buildings counts as ground, but not much larger, or hills are removed as well'
    add('--window', type=float, metavar='METRES', help=text)
    text = 'window in pixels, for files that are not georeferenced'
    add('--window-pixels', type=int, metavar='N', help=text)
    add('--workers', type=int, default=2, help='number of threads')


def run(args: Namespace) -> None:
    from depthda.depth.surface.normalize import SurfaceSettings, map_surfaces
    from depthda.depth.surface.report import describe
    from depthda.progress import progress_bars

    names = 'percentiles', 'value_range', 'nodata', 'fill', 'ground', 'window', 'window_pixels'
    settings = SurfaceSettings(**picked(args, *names))
    with progress_bars() as show:
        done = map_surfaces(args.heights, args.out, settings, args.workers, show)
    print('\n'.join(describe(done, args.out, args.fill)))
