"""Draw samples as the model sees them, after the config's pipeline, on contact sheets.

The sheets show images, depth (bright = high, striped = no depth) and labels, augmented as in a run
with the seed --seed.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.cli import add_config
from depthda.errors import UserError

EXAMPLES = (
    '%(prog)s configs/sample/depthda_tiny_u2r.py --number 8',
    '%(prog)s CONFIG --number 2 --repeat 4 --cfg-options '
    'train_dataloader.dataset.data_root=data/custom',
)


def add_arguments(parser: ArgumentParser) -> None:
    add_config(parser)
    add = parser.add_argument
    add('--split', choices=['train', 'val', 'test'], default='train', help='data loader to use')
    text = 'folder for the sheets (default: work_dirs/browse/<config name>)'
    add('--out', metavar='DIR', help=text)
    add('--number', type=int, default=16, help='number of images to show')
    add('--repeat', type=int, default=1, metavar='K', help='show K augmentations of each image')
    add('--seed', type=int, default=0, help='seed of the run')


def run(args: Namespace) -> None:
    from depthda.engine.checks.build_mistakes import build_mistakes
    from depthda.engine.checks.output_check import check_outputs
    from depthda.engine.launch import load_config
    from depthda.pictures.browse import deal, draw_sheets, open_source

    if args.number < 1 or args.repeat < 1:
        raise UserError(f'--number {args.number} --repeat {args.repeat}: both must be at least 1.')
    name = Path(args.config).stem
    out = args.out or f'work_dirs/browse/{name}'
    cfg = load_config(args.config, args.cfg_options)
    check_outputs(cfg, out=out)
    with build_mistakes(cfg):
        source = open_source(cfg, name, args.split)
    samples = list(deal(source, args.number, args.repeat, args.seed))
    print(*draw_sheets(out, source, samples, args.split), sep='\n')
