"""Test a checkpoint, or score existing predictions; write scores, predictions or a submission."""

from argparse import SUPPRESS, ArgumentParser, Namespace

from depthda.cli import add_run_arguments, picked
from depthda.errors import UserError

EXAMPLES = (
    '%(prog)s CONFIG work_dirs/NAME/iter_40000.pth',
    '%(prog)s CONFIG --predictions DIR',
    '%(prog)s SERVER_CONFIG CHECKPOINT --tta --submission u2r.zip',
)
_OUTPUTS = ('out', 'show_dir', 'save_depth', 'submission')
_RUN = ('work_dir', 'cfg_options', 'launcher')


def add_arguments(parser: ArgumentParser) -> None:
    add_run_arguments(parser)
    add = parser.add_argument
    add('checkpoint', nargs='?', help='checkpoint file (.pth) that was trained with the config')
    text = 'instead of testing a checkpoint, score index maps that another program wrote to DIR; '
    text += 'they must be named like the test images (2-D PNG or TIFF, classes numbered from 0)'
    add('--predictions', metavar='DIR', help=text)
    add('--out', metavar='DIR', help='write predicted index maps (PNG) to this folder')
    add('--show-dir', metavar='DIR', help='write predictions in colour to this folder')
    text = 'write predicted depth (DepthSeg) to this folder, as 16-bit maps and as pictures'
    add('--save-depth', metavar='DIR', help=text)
    add('--submission', metavar='ZIP', help='pack the predictions for the challenge server')
    text = 'folder of test images that the zip must match, for a dataset other than LoveDA'
    add('--against', metavar='DIR', help=text)
    add('--tta', action='store_true', help='average over flips')
    add('--amp', action='store_true', help='in mixed precision (bfloat16), on a GPU')
    add(
        '--depth',
        nargs='+',
        choices=('as-is', 'zero', 'flat', 'shuffle'),
        metavar='KIND',
        help=SUPPRESS,  # the former name of depthda audit
    )


def run(args: Namespace) -> None:
    if (args.checkpoint is None) == (args.predictions is None):
        raise UserError('pass either a checkpoint to test, or --predictions DIR to score.')
    if args.predictions:
        return _score_predictions(args)
    if args.depth:
        return _test_depth(args)
    from depthda.engine.launch import test

    test(args.config, args.checkpoint, **picked(args, *_OUTPUTS, 'against', 'tta', 'amp', *_RUN))


def _score_predictions(args: Namespace) -> None:
    """Score existing maps, and refuse options that need a model."""
    from depthda.engine.score_predictions import score_predictions

    needs_model = ('out', 'save_depth', 'submission', 'against', 'tta', 'amp', 'depth')
    if refused := [name for name in needs_model if getattr(args, name)]:
        options = ', '.join(f'--{name.replace("_", "-")}' for name in refused)
        raise UserError(f'--predictions scores existing maps: leave out {options}.')
    if args.launcher != 'none':
        raise UserError('--predictions runs in one process: leave out --launcher.')
    score_predictions(args.config, args.predictions, args.work_dir, args.show_dir, args.cfg_options)


def _test_depth(args: Namespace) -> None:
    """Run ``depthda audit``, of which ``--depth`` is the former name."""
    from depthda.console import warn
    from depthda.experiments.audit.audit import audit

    if any(picked(args, *_OUTPUTS, 'against').values()):
        options = '--out, --show-dir, --save-depth, --submission, --against'
        raise UserError(f'--depth runs several tests: leave out {options}.')
    warn('--depth will be removed: use the command depthda audit instead.')
    run_options = picked(args, 'work_dir', 'tta', 'cfg_options', 'launcher')
    audit(args.config, args.checkpoint, kinds=args.depth, command=args.typed, **run_options)
