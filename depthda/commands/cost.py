"""Tell the memory and the time that a training or test needs, without a GPU.

One iteration is run with its hooks on fake CUDA tensors, which have shapes but no values, and every
operation is counted. The memory is what its tensors need. The times are estimates from the data
sheet of a card and from measurements on one machine (docs/cost.md); loading data and validation are
not included. No images and no pretrained weights are needed.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.cli import add_cfg_options

EXAMPLES = (
    '%(prog)s depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512',
    '%(prog)s CONFIG --card 4090 --batch 2 --detail',
    '%(prog)s drdg/drdg_potsdam2vaihingen --size 896 512',
    '%(prog)s CONFIG --test --size 1024',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'config files, or names of those that come with depthda'
    add('configs', nargs='+', metavar='CONFIG', help=text)
    text = 'a100, h100, h200, 4090, v100 or all (default)'
    add('--card', nargs='+', default=['all'], metavar='CARD', help=text)
    add('--batch', type=int, metavar='N', help='images per batch (default: that of the config)')
    text = 'side of the images before they are cropped; two sides for pairs of images of different '
    text += 'size (default: the size that the model expects, and 1024 in a test)'
    add('--size', type=int, nargs='+', metavar='PIXELS', help=text)
    add('--amp', action='store_true', help='in mixed precision (bfloat16), as depthda train --amp')
    add('--test', action='store_true', help='an iteration of a test instead of a training')
    text = 'also print launches, casts, waits with their file and line, FLOPs and bytes'
    add('--detail', action='store_true', help=text)
    add('--json', metavar='FILE', help='write all counts to a file')
    add_cfg_options(parser)


def run(args: Namespace) -> None:
    from depthda.cost.stubs import load_stubs

    load_stubs()  # before PyTorch is imported
    from depthda.cost.cards import chosen_cards
    from depthda.cost.command import describe
    from depthda.io.files import write_json

    cards, counted = chosen_cards(args.card), {}
    for config in args.configs:
        lines, counts = describe(config, cards, args)
        print(*lines, sep='\n', end='\n\n' if config != args.configs[-1] else '\n', flush=True)
        counted[Path(config).stem] = counts
    if args.json:
        write_json(args.json, counted)
