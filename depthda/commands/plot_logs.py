"""Draw what several runs logged during training: a panel for each key, a line for each run.

The parts of a resumed run are joined by iteration; repeated iterations count once, as logged last.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.errors import UserError, many

EXAMPLES = (
    '%(prog)s work_dirs/upernet work_dirs/depthda --keys loss mIoU --out curves.png',
    '%(prog)s work_dirs/*_seed-? --keys IoU.road --smooth 0.6',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('runs', nargs='+', metavar='RUN', help='folder of a run (its work_dir)')
    text = 'logged values to draw'
    add('--keys', nargs='+', default=['loss', 'mIoU'], metavar='KEY', help=text)
    text = 'smoothing, from 0 (none) to below 1'
    add('--smooth', type=float, default=0.0, metavar='F', help=text)
    add('--log', choices=['x', 'y', 'xy'], default='', help='axes with a logarithmic scale')
    add('--out', default='curves.png', help='file to write (.png, .pdf or .svg)')


def run(args: Namespace) -> None:
    from depthda.pictures.curves import describe_missing_keys, draw_curves, read_runs

    if Path(args.out).suffix not in ('.png', '.pdf', '.svg'):
        raise UserError(f'--out {args.out}: use a name that ends with .png, .pdf or .svg.')
    if not 0 <= args.smooth < 1:
        raise UserError(f'--smooth {args.smooth}: use a number from 0 (none) to below 1.')
    keys = list(dict.fromkeys(args.keys))
    runs = read_runs(args.runs)
    for sentence in describe_missing_keys(runs, keys):
        print(sentence)
    drawn = [key for key in keys if any(key in curves for curves in runs.values())]
    draw_curves(args.out, runs, drawn, args.smooth, args.log)
    print(f'curves of {many(len(runs), "run")}: {args.out}')
