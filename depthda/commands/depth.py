"""Estimate relative depth maps of images with Depth Anything.

A map is a 16-bit PNG with the size and the stem of its image: larger values are nearer to the
camera (higher above ground), and 0 is no depth. It is written to

  with --out DIR      DIR/a/12.png            for FOLDER/a/12.tif
  without             FOLDER/../rdepth/<model>/a/12.png, where the datasets look for it

where FOLDER is a named folder, or the folder of a named file, and <model> is the name of the model
in lower case without -hf. The file depth_maps.json in the folder of the maps records the model, the
settings, and the scale and shift of each map (depth = shift + scale * code). Run the same command
again to continue a run that was stopped.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.cli import TupleAction, add_launcher, add_range
from depthda.errors import UserError, many

EXAMPLES = (
    '%(prog)s data/loveda/*/*/images_png --model depth-anything/Depth-Anything-V2-Small-hf',
    '%(prog)s scenes --out scenes-depth --model FOLDER --mode tiled',
    'torchrun --nproc-per-node 4 -m depthda depth scenes --out scenes-depth --model FOLDER '
    '--launcher pytorch',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('images', nargs='+', metavar='IMAGES', help='PNG, JPEG, TIFF, or folders')
    add('--out', metavar='DIR', help='folder of the maps (default: see above)')
    text = 'hub id of a Depth Anything model, or its local folder (for work without internet '
    text += 'access)'
    add('--model', required=True, help=text)
    add('--name', help='without --out: name to use instead of <model> in rdepth/<model>')
    _add_network_arguments(parser)
    text = 'bands to use (counted from 1) if images have neither three bands nor one'
    add('--bands', nargs=3, type=int, action=TupleAction, metavar=('R', 'G', 'B'), help=text)
    text = 'input values mapped to 0 and 255, if images do not have 8 bits'
    add_range(parser, '--value-range', text)
    text = 'number of images or tiles in one pass of the network'
    add('--batch-size', type=int, default=8, help=text)
    text = 'number of threads for reading, and of threads for writing'
    add('--workers', type=int, default=2, help=text)
    text = 'use pytorch if torchrun starts the command; the processes share the images'
    add_launcher(parser, ['none', 'pytorch'], text)


def _add_network_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'whole: each image at once, resized to the size of the network; tiled: larger images '
    text += 'in overlapping tiles, which are aligned to one scale and shift'
    add('--mode', choices=['whole', 'tiled'], default='whole', help=text)
    text = 'side of a tile in pixels of the image (default: the network size, so that no detail '
    text += 'is lost; a larger tile is shrunk)'
    add('--tile', type=int, metavar='PX', help=text)
    text = 'fraction of a tile that its neighbour also covers (default: 0.25)'
    add('--overlap', type=float, metavar='PART', help=text)
    text = 'input size of the network (default: that of its checkpoint, 518 for Depth Anything)'
    add('--size', type=int, help=text)
    text = 'bf16: run the network in bfloat16; auto: do so only on a GPU; off: never'
    add('--amp', choices=['auto', 'bf16', 'off'], default='auto', help=text)
    add('--device', help='cpu, cuda, cuda:1, … (default: cuda if available)')


def run(args: Namespace) -> None:
    from depthda.depth.monocular.estimate import DepthSettings, estimate_depth
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.depth.monocular.images import OpticalReader
    from depthda.depth.monocular.jobs import find_jobs, map_name
    from depthda.depth.monocular.licences import licence_of
    from depthda.processes import check_launcher, choose_device, joined
    from depthda.progress import progress_bars

    check_launcher(args.launcher)
    if args.out and args.name:
        raise UserError('--name has no effect with --out: leave out one of the two.')
    reader = OpticalReader(args.bands, args.value_range)
    settings = DepthSettings(
        args.mode, args.tile, args.overlap, args.batch_size, args.workers, reader
    )
    folder = Path(args.model).expanduser()
    weights = str(folder) if folder.is_dir() else args.model
    jobs = find_jobs(args.images, args.out, args.name or map_name(args.model))
    with joined(args.launcher) as shard:
        device = choose_device(args.device)
        bf16 = args.amp == 'bf16' or (args.amp == 'auto' and device.type == 'cuda')
        licence = licence_of(weights)
        if shard.rank == 0:
            print(f'{weights}: licence of the weights: {licence}', flush=True)
        estimator = DepthEstimator.load(weights, device, bf16, args.size, option='--model ')
        revision = getattr(estimator.model.config, '_commit_hash', None)
        model = {'model': weights, 'revision': revision, 'licence': licence}
        with progress_bars() as show:
            summary = estimate_depth(
                estimator, jobs, settings, model, shard, lambda *done: show('depth maps', *done)
            )
        _report(summary, f'process {shard.rank}: ' if shard.size > 1 else '')
        if shard.rank == 0:
            print(*sorted({job.root for job in jobs}), sep='\n')


def _report(summary, process: str) -> None:
    speed = f', {summary.written / summary.seconds:.1f} per second' if summary.written else ''
    written = f'{process}{many(summary.written, "map")} written{speed}'
    print(f'{written}; {summary.kept} already existed')
    for warning in summary.warnings:
        print(f'{process}{warning}')
