"""Run tables of experiments: the rows that are not finished, then the table beside the paper's.

Stop it whenever you like and start it again: finished runs are not repeated, a stopped one goes on
where it was. Given a config instead of a table, --vary makes a sweep of it.
"""

from depthda.cli import stopped_by_signals, tool_parser, user_errors


def main() -> int:
    parser = tool_parser(
        __doc__,
        'python tools/run_experiments.py configs/tables/synthetic.py --seeds 0 1 2\n'
        '  python tools/run_experiments.py configs/tables/loveda-u2r.py --dry-run\n'
        '  python tools/run_experiments.py configs/tables/*.py --smoke --jobs 2\n'
        '  python tools/run_experiments.py configs/tables/loveda-u2r.py --gpus 0 1 --seeds 0 1 2\n'
        '  python tools/run_experiments.py configs/sample/depthda_tiny_u2r.py '
        '--vary optim_wrapper.optimizer.lr=1e-3,3e-3',
    )
    parser.add_argument(
        'tables',
        nargs='+',
        metavar='TABLE',
        help='table files (configs/tables/*.py), or a config to vary',
    )
    parser.add_argument(
        '--out', default=None, help='where runs go (default: work_dirs/tables, or …-smoke)'
    )
    parser.add_argument('--only', nargs='+', metavar='ROW', help='rows to run, by name')
    parser.add_argument('--seeds', nargs='+', type=int, help="instead of the table's own")
    parser.add_argument(
        '--worlds', nargs='+', type=int, help="seeds of the synthetic set, instead of the table's"
    )
    parser.add_argument(
        '--vary',
        nargs='+',
        default=[],
        metavar='KEY=V,V',
        help='for a config: one row for each combination of these values',
    )
    parser.add_argument(
        '--gpus', nargs='+', default=[], metavar='ID', help='devices to use: 0 1 or 0,1'
    )
    parser.add_argument('--jobs', type=int, help='runs at a time (default: one a device)')
    parser.add_argument('--dry-run', action='store_true', help='list what would run, and stop')
    parser.add_argument(
        '--smoke',
        action='store_true',
        help='tiny stand-ins on a tiny synthetic set; the real models are built without memory',
    )
    parser.add_argument(
        '--report', action='store_true', help='write the table from what has been run, and stop'
    )
    args = parser.parse_args()
    with user_errors(), stopped_by_signals():
        from depthda.experiments.tables.runner import check_arguments, run_table, say_failed

        check_arguments(args.jobs, args.seeds)
        failed = []
        try:
            for table in args.tables:
                failed += run_table(
                    table,
                    args.out or ('work_dirs/tables-smoke' if args.smoke else 'work_dirs/tables'),
                    seeds=args.seeds,
                    worlds=args.worlds,
                    only=args.only,
                    vary=args.vary,
                    gpus=args.gpus,
                    jobs=args.jobs,
                    dry_run=args.dry_run,
                    smoke=args.smoke,
                    report=args.report,
                )
        finally:  # also where a later table is faulty
            say_failed(failed)
        return 1 if failed else 0


if __name__ == '__main__':
    raise SystemExit(main())
