"""Record the scores of a submission on the challenge server in the row of its table.

A row of the server protocol stops at "awaiting score", with a checked zip in the folder of its run.
Upload the zip, then pass the IoU that the server reports for each class, in per cent.
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
    text = 'IoU of each class, in the order of the classes or as NAME=VALUE'
    add('--scores', nargs='+', required=True, metavar='IOU', help=text)
    text = 'mean that the server reports, which must agree with --scores (default: their mean)'
    add('--miou', type=float, help=text)
    add('--world', type=int, help='seed of the synthetic dataset, if the table has several')
    add('--out', help='folder of the runs (default: work_dirs/tables, or …-smoke)')
    add('--replace', action='store_true', help='overwrite scores that were recorded before')
    add('--smoke', action='store_true', help='the run was made with --smoke')


def run(args: Namespace) -> None:
    from depthda.experiments.tables.record_score import record_score

    args.out = args.out or ('work_dirs/tables-smoke' if args.smoke else 'work_dirs/tables')
    names = 'table', 'row', 'seed', 'scores', 'out', 'miou', 'world', 'replace', 'smoke'
    print(f'recorded: {record_score(**picked(args, *names))}')
