"""Pack predictions for LoveDA's challenge servers, and check a zip before it is uploaded.

A submission is a zip of 8-bit greyscale PNGs of 1024×1024 pixels with values 0…6, named as the test
images (4191.png …), at the root of the zip, and nothing else. Upload it at
  uda  one target domain a zip   https://www.codabench.org/competitions/13037
  seg  both domains in one zip   https://www.codabench.org/competitions/13030
(CodaLab has taken no LoveDA submissions since 2025-12-31.)
"""

import argparse
import sys
from functools import partial

from rich.console import Console
from rich.progress import track as progress_bar

from depthda.cli import tool_parser, user_errors
from depthda.errors import many
from depthda.evaluation.submission import SubmissionError, pack, review

EXAMPLES = """python tools/make_submission.py pack predictions/u2r --domain rural --out u2r.zip
  python tools/make_submission.py check u2r.zip
  python tools/make_submission.py check both.zip --track seg
  python tools/make_submission.py check demo.zip --against data/sample/Test/Rural/images_png"""


def parse_args() -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--domain', help='rural or urban (default: recognised from the file names)')
    common.add_argument(
        '--track',
        choices=('uda', 'seg'),
        default='uda',
        help='uda: one target domain; seg: both domains in one zip (default: uda)',
    )
    common.add_argument(
        '--against',
        metavar='DIR',
        help='for a set that is not LoveDA: the folder of its test images, whose names and sizes '
        "count instead of the official ones; with --track seg the root of a tree like LoveDA's",
    )
    parser = tool_parser(__doc__, EXAMPLES)
    commands = parser.add_subparsers(dest='command', required=True)
    packing = commands.add_parser('pack', parents=[common], help='make a zip and check it')
    packing.add_argument('pred_dir', metavar='PRED_DIR', help='folder of predictions (PNG)')
    packing.add_argument('--out', required=True, metavar='ZIP', help='the zip to write')
    checking = commands.add_parser('check', parents=[common], help='check a zip')
    checking.add_argument('zip', metavar='ZIP', help='the zip to check')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    console = Console(stderr=True)
    bar = partial(
        progress_bar,
        description='reading label maps',
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    path = args.out if args.command == 'pack' else args.zip
    try:
        if args.command == 'pack':
            test_set = pack(args.pred_dir, path, args.domain, args.against, args.track, bar)
            faults = []
        else:
            result = review(path, args.domain, args.track, args.against, bar)
            test_set, faults = result.test_set, result.faults
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


if __name__ == '__main__':
    with user_errors():
        sys.exit(main())
