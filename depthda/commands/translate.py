"""Translate a labelled dataset to the style and the pixel size of another domain."""

from argparse import ArgumentParser, Namespace
from functools import partial

from depthda.cli import add_config, add_launcher, is_main_process, picked

EXAMPLES = (
    '%(prog)s configs/drdg/drdg_potsdam2vaihingen.py work_dirs/drdg_potsdam2vaihingen '
    '--out data/potsdam2vaihingen',
)


def add_arguments(parser: ArgumentParser) -> None:
    add_config(parser)
    add = parser.add_argument
    text = 'checkpoint (.pth) of a model that was trained with CONFIG, or its work dir'
    add('checkpoint', help=text)
    add('--out', required=True, metavar='DIR', help='folder for the new dataset')
    add('--batch-size', type=int, default=4, metavar='N', help='number of tiles at a time')
    text = 'how the processes were started (pytorch for torchrun); they share the tiles'
    add_launcher(parser, text=text)


def run(args: Namespace) -> None:
    from depthda.errors import many
    from depthda.inference.translate import translate
    from depthda.progress import progress_bars
    from depthda.provenance import TRANSLATION

    options = picked(args, 'config', 'checkpoint', 'out', 'batch_size', 'cfg_options', 'launcher')
    with progress_bars() as show:
        manifest = translate(**options, progress=partial(show, 'translating'))
    if is_main_process():
        tiles = many(manifest['tiles'], 'tile')
        print(f'{tiles}: {args.out} ({TRANSLATION} describes how they were made)')
