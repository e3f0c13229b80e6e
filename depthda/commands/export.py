"""Export a trained model as a bundle to share, or as a program that runs without this package.

A bundle is a folder with weights (model.safetensors), classes, colours and config (bundle.json) and
a card (README.md). depthda predict and Predictor.load read it without internet access, and no code
in it runs.

A program (--format pt2) is one file for torch.export.load. It turns any number of images of any
size into logits, and needs only torch. depthda predict reads it, too.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.errors import UserError
from depthda.io.files import read_json

EXAMPLES = (
    '%(prog)s work_dirs/run/iter_40000.pth --out bundles/north --gsd 0.3 --licence cc-by-4.0 '
    '--scores work_dirs/run/metrics.json',
    '%(prog)s work_dirs/run/iter_40000.pth --format pt2 --out north.pt2',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('model', metavar='MODEL', help='checkpoint (.pth), bundle, or hub id of one')
    text = 'bundle: weights and config; pt2: program that runs without depthda'
    add('--format', choices=['bundle', 'pt2'], default='bundle', help=text)
    add('--out', required=True, metavar='PATH', help='folder of the bundle, or file of the program')
    add('--config', help='config of the model (default: the one in the checkpoint)')
    add('--name', help='name on the card (default: that of --out)')
    add('--gsd', type=float, metavar='M', help='ground sampling distance of the training images')
    add('--licence', help='licence of the weights, as the hub names it, such as cc-by-4.0')
    add('--data-licence', help='source and licence of the training data')
    add('--scores', metavar='FILE', help='metrics.json of a test; its mean scores go on the card')
    add('--push', metavar='OWNER/NAME', help='upload the bundle to this repository of the hub')


def run(args: Namespace) -> None:
    from depthda.inference.bundle import Card, push, save_bundle
    from depthda.inference.export_program import save_program
    from depthda.inference.model import load_model
    from depthda.inference.trained_model import TrainedModel

    if args.push and args.format == 'pt2':
        raise UserError('--push uploads only bundles: leave out --format pt2, or --push.')
    scores = _scores(args.scores) if args.scores else None
    model = load_model(args.model, args.config)
    if not isinstance(model, TrainedModel):
        raise UserError(f'{args.model} is already a program: name the checkpoint or the bundle.')
    name = args.name or Path(args.out).resolve().name.removesuffix('.pt2')
    card = Card(name, args.gsd, args.licence, args.data_licence, scores)
    if args.format == 'pt2':
        print(save_program(model, args.out, card))
        return
    print(*save_bundle(model, args.out, card), sep='\n')
    if args.push:
        print(push(args.out, args.push))


def _scores(path: str) -> dict[str, float]:
    metrics = read_json(Path(path))
    if not metrics or not metrics.get('scores'):
        raise UserError(f'{path} has no scores: use the metrics.json of a test with labels.')
    return {name: value for name, value in metrics['scores'].items() if '.' not in name}
