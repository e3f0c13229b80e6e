"""Run the unfinished rows of experiment tables, then write the tables with the paper's scores.

You can stop the command at any time and start it again: finished runs are not repeated, and stopped
runs continue. With a config instead of a table, --vary runs a sweep.
"""

import time
from argparse import ArgumentParser, Namespace

from depthda.cli import picked, stopped_by_signals
from depthda.errors import UserError, check_count

EXAMPLES = (
    '%(prog)s configs/tables/synthetic.py --seeds 0 1 2',
    '%(prog)s configs/tables/loveda-u2r.py --dry-run',
    '%(prog)s configs/tables/*.py --smoke --jobs 2',
    '%(prog)s configs/tables/loveda-u2r.py --gpus 0 1 --seeds 0 1 2',
    '%(prog)s configs/tables/synthetic.py --shard 2/3 --hours 10',
    '%(prog)s configs/sample/depthda_tiny_u2r.py --vary optim_wrapper.optimizer.lr=1e-3,3e-3',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        'tables',
        nargs='*',
        metavar='TABLE',
        help='table files (configs/tables/*.py), names of tables that come with depthda '
        '(tables/synthetic), or a config to vary (default with --smoke or --dry-run: all tables '
        'that come with depthda)',
    )
    add('--out', help='folder of the runs (default: work_dirs/tables, or …-smoke)')
    add('--only', nargs='+', metavar='ROW', help='names of the rows to run')
    add('--seeds', nargs='+', type=int, help='seeds to use instead of those of the table')
    text = 'seeds of the synthetic datasets to use instead of those of the table'
    add('--worlds', nargs='+', type=int, help=text)
    text = 'with a config: run one row for each combination of these values'
    add('--vary', nargs='+', default=[], metavar='KEY=V,V', help=text)
    add('--gpus', nargs='+', default=[], metavar='ID', help='devices to use, such as 0 1 or 0,1')
    add('--jobs', type=int, help='number of runs at a time (default: one for each device)')
    text = 'run share I of N, to divide a table among N machines, such as 2/3'
    add('--shard', metavar='I/N', help=text)
    text = 'time limit: start no run that would end later, judging by finished runs; one run of '
    text += 'each row comes first'
    add('--hours', type=float, metavar='H', help=text)
    add('--dry-run', action='store_true', help='only list what would run')
    text = 'run tiny models on a tiny synthetic dataset, and build the real models without memory'
    add('--smoke', action='store_true', help=text)
    text = 'only write the table of the finished runs'
    add('--report', action='store_true', help=text)
    text = 'write results/TABLE/ROW_NAME.json for each complete row, for a pull request'
    add('--contribute', metavar='NAME', help=text)


def run(args: Namespace) -> int:
    with stopped_by_signals():
        return _run_tables(args)


def _run_tables(args: Namespace) -> int:
    from depthda.experiments.tables.runner import run_table, say_failed
    from depthda.experiments.tables.table_check import check_distinct

    check_count('--jobs', 1 if args.jobs is None else args.jobs)
    if args.hours is not None and not args.hours > 0:
        raise UserError(f'--hours {args.hours:g}: use a number above 0.')
    if args.seeds and min(args.seeds) < 0:
        raise UserError(f'--seeds {min(args.seeds)}: use 0 or more.')
    check_distinct('--seeds', args.seeds or ())
    names = ('seeds', 'worlds', 'only', 'vary', 'gpus', 'jobs', 'dry_run', 'smoke', 'report')
    names += ('shard', 'hours', 'contribute')
    out = args.out or ('work_dirs/tables-smoke' if args.smoke else 'work_dirs/tables')
    failed, end = [], (args.hours or 0) + time.monotonic() / 3600
    try:
        for table in args.tables or _all_tables(args):
            failed += run_table(table, out, **picked(args, *names))
            if args.hours is not None:  # for all tables together
                args.hours = max(0.0, end - time.monotonic() / 3600)
    finally:  # even if a later table raises an error
        say_failed(failed)
    return 1 if failed else 0


def _all_tables(args: Namespace) -> list[str]:
    from depthda.config_files import config_folder

    if not (args.smoke or args.dry_run):
        raise UserError('name a table, such as configs/tables/synthetic.py.')
    return [str(path) for path in sorted((config_folder() / 'tables').glob('*.py'))]
