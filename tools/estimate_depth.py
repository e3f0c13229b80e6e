"""Make relative depth maps of images with Depth Anything.

A map is a 16-bit PNG of the image's size and stem: larger = nearer = higher above ground, 0 = no
depth. It goes to

  with --out DIR      DIR/a/12.png            for FOLDER/a/12.tif
  without             FOLDER/../rdepth/<model>/a/12.png, where the data sets look for it

where FOLDER is the folder given, or the one that a given file lies in; <model> is the model's name
in small letters without -hf. The folder of the maps also gets depth_maps.json: model, settings, and
the scale and shift of each map (depth = shift + scale * code). A run that was stopped goes on where
it was.
"""

import argparse

from depthda.cli import set_local_rank, tool_parser, user_errors

EXAMPLE = (
    'python tools/estimate_depth.py data/loveda/*/*/images_png '
    '--model depth-anything/Depth-Anything-V2-Small-hf\n'
    '  python tools/estimate_depth.py scenes --out scenes-depth --model FOLDER --mode tiled\n'
    '  torchrun --nproc-per-node 4 tools/estimate_depth.py scenes --out scenes-depth '
    '--model FOLDER --launcher pytorch'
)


def main() -> None:
    args = parse()
    with user_errors():
        run(args)


def parse() -> argparse.Namespace:
    parser = tool_parser(__doc__, EXAMPLE)
    parser.add_argument('images', nargs='+', metavar='IMAGES', help='PNG, JPEG, TIFF, or folders')
    parser.add_argument('--out', metavar='DIR', help='folder of the maps (default: see above)')
    parser.add_argument(
        '--model',
        required=True,
        help='hub id of a Depth Anything, or a folder that holds one (no network is needed then)',
    )
    parser.add_argument('--name', help="without --out: instead of the model's, in rdepth/<model>")
    parser.add_argument(
        '--mode',
        choices=['whole', 'tiled'],
        default='whole',
        help='whole: each image at once, made as small as the network takes it; tiled: larger '
        'images in overlapping tiles, brought to one scale and shift (default: whole)',
    )
    parser.add_argument(
        '--tile',
        type=int,
        metavar='PX',
        help='side of a tile in pixels of the image (default: the network size: nothing is lost; '
        'twice that: tiles are halved)',
    )
    parser.add_argument(
        '--overlap', type=float, metavar='PART', help='part of a tile shared (default: 0.25)'
    )
    parser.add_argument(
        '--size', type=int, help="network size (default: the checkpoint's, 518 for Depth Anything)"
    )
    parser.add_argument(
        '--bands',
        nargs=3,
        type=int,
        metavar=('R', 'G', 'B'),
        help='bands that go in, from 1, of images that have not three (or one)',
    )
    parser.add_argument(
        '--value-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='values that become black and white, of images that have not 8 bits',
    )
    parser.add_argument('--batch-size', type=int, default=8, help='(default: 8)')
    parser.add_argument(
        '--workers', type=int, default=2, help='threads to read and as many to write (default: 2)'
    )
    parser.add_argument(
        '--amp',
        choices=['auto', 'bf16', 'off'],
        default='auto',
        help='bf16: the network in bfloat16; auto: on a GPU (default: auto)',
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, … (default: cuda where there is one)')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        help='pytorch: started by torchrun; each process takes its share of the images',
    )
    # Passed by torch.distributed.launch; torchrun sets the variable itself.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from depthda.depth.monocular.estimate import Settings, estimate_depth
    from depthda.depth.monocular.estimator import DepthEstimator
    from depthda.depth.monocular.images import OpticalReader
    from depthda.depth.monocular.jobs import find_jobs, map_name
    from depthda.depth.monocular.licences import licence_of
    from depthda.errors import UserError, many
    from depthda.processes import check_launcher, joined

    set_local_rank(args.local_rank)
    check_launcher(args.launcher)
    if args.out and args.name:
        raise UserError('--out names the folder of the maps, so --name is for nothing: drop one.')
    reader = OpticalReader(
        args.bands and tuple(args.bands), args.value_range and tuple(args.value_range)
    )
    settings = Settings(args.mode, args.tile, args.overlap, args.batch_size, args.workers, reader)
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
        model = {
            'model': weights,
            'revision': getattr(estimator.model.config, '_commit_hash', None),
            'licence': licence,
        }
        with progress_bar(shard) as progress:
            summary = estimate_depth(estimator, jobs, settings, model, shard, progress)
        speed = f', {summary.written / summary.seconds:.1f} a second' if summary.written else ''
        process = f'process {shard.rank}: ' if shard.size > 1 else ''
        written = f'{process}{many(summary.written, "map")} written{speed}'
        print(f'{written}; {summary.kept} were there already')
        for warning in summary.warnings:
            print(f'{process}{warning}')
        if shard.rank == 0:
            for root in sorted({job.root for job in jobs}):
                print(f'{root}')


def choose_device(name: str | None):
    """The device of this name; the GPU of this process, or the CPU, where none is given."""
    import torch

    from depthda.errors import UserError

    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f'there is no device {name!r}: use cpu, cuda or cuda:N.') from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f'{name} is not there, torch sees {torch.cuda.device_count()} GPUs: use --device cpu, '
            'or install a build of torch for your GPU.'
        )
    return device


def progress_bar(shard):
    """Maps, maps a second and the time left, of the first process, on a terminal."""
    import time
    from contextlib import contextmanager
    from datetime import timedelta

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn('depth maps'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('{task.fields[pace]}'),
    )

    @contextmanager
    def shown():
        console = Console(stderr=True)
        quiet = shard.rank > 0 or not console.is_terminal
        with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
            task = bar.add_task('', total=None, pace='')
            began = time.monotonic()

            def show(done: int, total: int) -> None:
                nonlocal began
                if not done:
                    began = time.monotonic()
                    pace = ''
                else:
                    # Maps come in bursts, a batch at a time, which rich's own estimate falls for.
                    speed = done / (time.monotonic() - began)
                    left = timedelta(seconds=round((total - done) / speed))
                    pace = f'{speed:.1f} images/s, {left} left'
                bar.update(task, completed=done, total=total, pace=pace)

            yield show

    return shown()


if __name__ == '__main__':
    main()
