"""Pack predictions for LoveDA's challenge servers, and check a zip before it is uploaded.

A submission is a zip of 8-bit greyscale PNGs of 1024×1024 pixels with values 0…6, named like the
test images (4191.png …), without folders or other files. Upload it at
  uda  one target domain in a zip   https://www.codabench.org/competitions/13037
  seg  both domains in one zip      https://www.codabench.org/competitions/13030
(CodaLab has not accepted LoveDA submissions since 2025-12-31.)
"""

import sys
from argparse import ArgumentParser, Namespace
from functools import partial

from depthda.cli import picked

EXAMPLES = (
    '%(prog)s pack predictions/u2r --domain rural --out u2r.zip',
    '%(prog)s check u2r.zip',
    '%(prog)s check both.zip --track seg',
    '%(prog)s check demo.zip --against data/sample/Test/Rural/images_png',
)


def add_arguments(parser: ArgumentParser) -> None:
    common = ArgumentParser(add_help=False)
    common.add_argument('--domain', help='rural or urban (default: recognised by the file names)')
    text = 'uda: one target domain; seg: both domains in one zip'
    common.add_argument('--track', choices=('uda', 'seg'), default='uda', help=text)
    text = 'for a dataset other than LoveDA: folder of its test images, whose names and sizes '
    text += 'the zip must match; with --track seg, the root of a folder tree like that of LoveDA'
    common.add_argument('--against', metavar='DIR', help=text)
    actions = parser.add_subparsers(dest='action', required=True)
    settings = dict(parents=[common], formatter_class=parser.formatter_class)
    pack = actions.add_parser('pack', help='make a zip and check it', **settings)
    pack.add_argument('pred_dir', metavar='PRED_DIR', help='folder of predictions (PNG)')
    pack.add_argument('--out', required=True, metavar='ZIP', help='zip to write')
    check = actions.add_parser('check', help='check a zip', **settings)
    check.add_argument('zip', metavar='ZIP', help='zip to check')


def run(args: Namespace) -> int:
    """Pack or check; return 2 if the zip has faults, which are printed one per line."""
    from depthda.errors import many
    from depthda.evaluation.submission import SubmissionError, pack, review
    from depthda.progress import tracked

    bar = partial(tracked, 'reading label maps')
    target = picked(args, 'domain', 'track', 'against')
    path = args.out if args.action == 'pack' else args.zip
    try:
        if args.action == 'pack':
            test_set = pack(args.pred_dir, path, bar, **target)
            faults = []
        else:
            test_set, faults = review(path, bar, **target)
            if test_set:
                print(f'checked as a submission for {test_set.title}', file=sys.stderr)
    except SubmissionError as error:
        faults = error.faults
    if faults:
        print(*faults, sep='\n')
        return 2
    predictions = many(len(test_set.sizes), 'prediction')
    print(f'{path}: {predictions} for {test_set.title}, no fault found.')
    if test_set.server:
        print(f'Upload it at {test_set.server}')
    return 0
