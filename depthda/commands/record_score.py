"""Record what the challenge server reports for a submission, to fill the row of its table.

Rows of the server protocol end at "awaiting score": a checked zip lies in the run's folder. Upload
it, then give the server's IoU of each class here, in per cent.
"""

from argparse import ArgumentParser, Namespace

EXAMPLES = (
    '%(prog)s configs/tables/loveda-u2r.py convnext-b-s 0 --scores 36.79 59.27 46.97 71.31 19.87 '
    '41.62 67.05 --miou 48.98',
    'depthda run-experiments configs/tables/loveda-u2r.py --report',
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('table', help='table file (configs/tables/*.py)')
    parser.add_argument('row', help='name of the row')
    parser.add_argument('seed', type=int, help='seed of the run')
    parser.add_argument(
        '--scores',
        nargs='+',
        required=True,
        metavar='IOU',
        help='one per class, in the order of the classes, or each as NAME=VALUE',
    )
    parser.add_argument(
        '--miou', type=float, help="the server's mean, which is checked (default: the mean)"
    )
    parser.add_argument(
        '--world', type=int, help='seed of the synthetic dataset, if there are several'
    )
    parser.add_argument(
        '--out', default=None, help='where the runs lie (default: work_dirs/tables, or …-smoke)'
    )
    parser.add_argument('--replace', action='store_true', help='overwrite scores recorded before')
    parser.add_argument('--smoke', action='store_true', help='the run was made with --smoke')


def run(args: Namespace) -> None:
    from depthda.experiments.tables.record_score import record_score

    path = record_score(
        args.table,
        args.row,
        args.seed,
        args.scores,
        args.out or ('work_dirs/tables-smoke' if args.smoke else 'work_dirs/tables'),
        miou=args.miou,
        world=args.world,
        replace=args.replace,
        smoke=args.smoke,
    )
    print(f'recorded: {path}')
