"""Record what the challenge server says of a run's submission, so that its table row is filled.

Rows of the server protocol end at "awaiting score": a checked zip lies in the run's folder. Upload
it, then give the server's IoU of each class here, in per cent.
"""

from depthda.cli import tool_parser, user_errors


def main() -> int:
    parser = tool_parser(
        __doc__,
        'python tools/record_score.py configs/tables/loveda-u2r.py convnext-b-s 0 '
        '--scores 36.79 59.27 46.97 71.31 19.87 41.62 67.05 --miou 48.98\n'
        '  python tools/run_experiments.py configs/tables/loveda-u2r.py --report',
    )
    parser.add_argument('table', help='table file (configs/tables/*.py)')
    parser.add_argument('row', help='name of the row')
    parser.add_argument('seed', type=int, help='seed of the run')
    parser.add_argument(
        '--scores',
        nargs='+',
        required=True,
        metavar='IOU',
        help='one a class, in the order of the classes, or each as NAME=VALUE',
    )
    parser.add_argument(
        '--miou', type=float, help="the server's mean, which is checked (default: the mean)"
    )
    parser.add_argument('--world', type=int, help='seed of the synthetic set, if there are several')
    parser.add_argument(
        '--out', default=None, help='where the runs lie (default: work_dirs/tables, or …-smoke)'
    )
    parser.add_argument('--replace', action='store_true', help='instead of figures recorded before')
    parser.add_argument('--smoke', action='store_true', help='the run is one of --smoke')
    args = parser.parse_args()
    with user_errors():
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
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
