"""Record what the challenge server reports for a submission, to fill the row of its table.

Rows of the server protocol end at "awaiting score": a checked zip lies in the run's folder. Upload
it, then give the server's IoU of each class here, in per cent.
"""

from argparse import ArgumentParser, Namespace

from depthda.cli import picked

EXAMPLES = (
    '%(prog)s configs/tables/loveda-u2r.py convnext-b-s 0 --scores 36.79 59.27 46.97 71.31 19.87 '
    '41.62 67.05 --miou 48.98',
    'depthda run-experiments configs/tables/loveda-u2r.py --report',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('table', help='table file (configs/tables/*.py)')
    add('row', help='name of the row')
    add('seed', type=int, help='seed of the run')
    text = 'one per class, in the order of the classes, or each as NAME=VALUE'
    add('--scores', nargs='+', required=True, metavar='IOU', help=text)
    text = "the server's mean, which is checked (default: the mean)"
    add('--miou', type=float, help=text)
    add('--world', type=int, help='seed of the synthetic dataset, if there are several')
    add('--out', help='where the runs lie (default: work_dirs/tables, or …-smoke)')
    add('--replace', action='store_true', help='overwrite scores recorded before')
    add('--smoke', action='store_true', help='the run was made with --smoke')


def run(args: Namespace) -> None:
    from depthda.experiments.tables.record_score import record_score

    args.out = args.out or ('work_dirs/tables-smoke' if args.smoke else 'work_dirs/tables')
    names = 'table', 'row', 'seed', 'scores', 'out', 'miou', 'world', 'replace', 'smoke'
    print(f'recorded: {record_score(**picked(args, *names))}')
