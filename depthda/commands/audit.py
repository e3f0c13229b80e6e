"""Measure how much a model's scores depend on depth, and on the choice of its checkpoint.

The same weights are tested with the depth map, and with each of several replacements for it. A page
shows the differences by class, with intervals over tiles, and explains what they mean.
"""

from argparse import ArgumentParser, Namespace

from depthda.cli import add_run_arguments, picked
from depthda.errors import UserError

KINDS = ('degraded', 'grey', 'shuffle', 'flat', 'zero')
EXAMPLES = (
    '%(prog)s CONFIG work_dirs/NAME/iter_40000.pth',
    '%(prog)s CONFIG --predictions as-is=out/as-is zero=out/zero',
)


def add_arguments(parser: ArgumentParser) -> None:
    add_run_arguments(parser)
    add = parser.add_argument
    add('checkpoint', nargs='?', help='checkpoint file (.pth) that was trained with the config')
    add(
        '--variants',
        nargs='+',
        choices=('as-is', *KINDS),
        metavar='KIND',
        help='what replaces the depth map: the map blurred and mixed with noise (degraded), a '
        'grey copy of the image (grey), the map of another tile (shuffle), equal depth everywhere '
        '(flat), no depth (zero) (default: all)',
    )
    text = 'instead of testing, score index maps that any program predicted with each kind of '
    text += 'depth (as-is is required)'
    add('--predictions', nargs='+', metavar='KIND=DIR', help=text)
    add('--tta', action='store_true', help='average over flips')
    text = 'for the intervals, draw blocks of N tiles with neighbouring names, not single tiles'
    add('--block', type=int, default=1, metavar='N', help=text)


def run(args: Namespace) -> None:
    from depthda.experiments.audit.audit import audit

    if (args.checkpoint is None) == (args.predictions is None):
        raise UserError('pass either a checkpoint to test, or --predictions KIND=DIR … to score.')
    predictions = {'predictions': _folders(args.predictions)} if args.predictions else {}
    if args.predictions and (args.tta or args.variants or args.launcher != 'none'):
        raise UserError(
            '--predictions scores existing maps: leave out --variants, --tta and --launcher.'
        )
    extra = {} if predictions else picked(args, 'tta', 'launcher')
    extra |= dict(kinds=args.variants or KINDS, command=args.typed)
    audit(args.config, args.checkpoint, **predictions, **picked(args, 'work_dir', 'block'), **extra,
          cfg_options=args.cfg_options)  # fmt: skip


def _folders(words: list[str]) -> dict[str, str]:
    known = ', '.join(('as-is', *KINDS))
    folders = {}
    for word in words:
        kind, equals, folder = word.partition('=')
        if kind not in ('as-is', *KINDS) or not equals or not folder:
            raise UserError(f'--predictions {word}: write KIND=DIR, where KIND is one of {known}.')
        if kind in folders:
            raise UserError(f'--predictions names {kind} twice: name each kind only once.')
        folders[kind] = folder
    return folders
