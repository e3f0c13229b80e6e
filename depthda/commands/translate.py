"""Translate a labelled dataset into the style and the pixel size of another domain."""

from argparse import ArgumentParser, Namespace

from depthda.cli import add_cfg_options, add_launcher, progress_bars, set_local_rank

EXAMPLES = (
    '%(prog)s configs/drdg/drdg_potsdam2vaihingen.py work_dirs/drdg_potsdam2vaihingen '
    '--out data/potsdam2vaihingen',
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', help='config file of the translation')
    parser.add_argument(
        'checkpoint', help='checkpoint file (.pth) that its training wrote, or its work dir'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the new dataset')
    parser.add_argument(
        '--batch-size', type=int, default=4, metavar='N', help='tiles at a time (default: 4)'
    )
    add_cfg_options(parser)
    add_launcher(
        parser,
        text='how several processes were started (torchrun: pytorch); they share the tiles',
    )


def run(args: Namespace) -> None:
    from mmengine.dist import is_main_process

    from depthda.errors import many
    from depthda.inference.translate import translate
    from depthda.provenance import TRANSLATION

    set_local_rank(args.local_rank)
    with progress_bars() as show:
        manifest = translate(
            args.config,
            args.checkpoint,
            args.out,
            batch_size=args.batch_size,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
            progress=lambda done, total: show('translating', done, total),
        )
    if is_main_process():
        tiles = many(manifest['tiles'], 'tile')
        print(f'{tiles}: {args.out} ({TRANSLATION} says how they were made)')
