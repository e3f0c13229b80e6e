"""Export a trained model: as a bundle to hand on, or as a program that runs without this package.

A bundle is a folder with weights (model.safetensors), classes, colours and config (bundle.json) and
a card (README.md). depthda predict and Predictor.load read it without a network, and no code in it
runs.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.errors import UserError
from depthda.io.files import read_json

EXAMPLES = (
    '%(prog)s work_dirs/run/iter_40000.pth --out bundles/north --gsd 0.3 --licence cc-by-4.0 '
    '--scores work_dirs/run/metrics.json',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('model', metavar='MODEL', help='checkpoint (.pth), bundle, or hub id of one')
    add('--out', required=True, metavar='DIR', help='folder of the bundle')
    add('--config', help='config of the model (default: the one in the checkpoint)')
    add('--name', help='name on the card (default: that of the folder)')
    add('--gsd', type=float, metavar='M', help='ground sampling distance of the training images')
    add('--licence', help='licence of the weights, as the hub names it (cc-by-4.0)')
    add('--data-licence', help='source and licence of the training data')
    add('--scores', metavar='FILE', help='metrics.json of a test, whose means go on the card')
    add('--push', metavar='OWNER/NAME', help='upload the bundle to this repository of the hub')


def run(args: Namespace) -> None:
    import depthda.register  # noqa: F401
    from depthda.inference.bundle import Card, push, save_bundle
    from depthda.inference.trained_model import load_model

    scores = _scores(args.scores) if args.scores else None
    model = load_model(args.model, args.config)
    name = args.name or Path(args.out).resolve().name
    card = Card(name, args.gsd, args.licence, args.data_licence, scores)
    print(*save_bundle(model, args.out, card), sep='\n')
    if args.push:
        print(push(args.out, args.push))


def _scores(path: str) -> dict[str, float]:
    metrics = read_json(Path(path))
    if not metrics or not metrics.get('scores'):
        raise UserError(f'{path} has no scores: give the metrics.json of a test with labels.')
    return {name: value for name, value in metrics['scores'].items() if '.' not in name}
