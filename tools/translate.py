"""Translate a labelled set into the looks and the size of another domain."""

from depthda.cli import OptionsAction, set_local_rank, tool_parser, user_errors


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/translate.py configs/drdg/drdg_potsdam2vaihingen.py '
        'work_dirs/drdg_potsdam2vaihingen --out data/potsdam2vaihingen',
    )
    parser.add_argument('config', help='config file of the translation')
    parser.add_argument(
        'checkpoint', help='checkpoint file (.pth) that its training wrote, or its work dir'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the new set')
    parser.add_argument(
        '--batch-size', type=int, default=4, metavar='N', help='tiles at a time (default: 4)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help='override keys of the config; an unknown key is an error, +KEY=VALUE adds one',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how several processes were started (torchrun: pytorch); they share the tiles',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by torchrun')
    args = parser.parse_args()
    set_local_rank(args.local_rank)
    with user_errors():
        run(args)


def run(args) -> None:
    """Translate with a progress bar."""
    from mmengine.dist import is_main_process
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from depthda.errors import many
    from depthda.inference.translate import translate
    from depthda.provenance import TRANSLATION

    columns = (TextColumn('translating'), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns) as bar:
        task = bar.add_task('translating', total=None)
        manifest = translate(
            args.config,
            args.checkpoint,
            args.out,
            batch_size=args.batch_size,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if is_main_process():
        tiles = many(manifest['tiles'], 'tile')
        print(f'{tiles}: {args.out} ({TRANSLATION} says how they were made)')


if __name__ == '__main__':
    main()
