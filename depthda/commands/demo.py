"""Compare tiny models with and without depth on synthetic images, in minutes and without a GPU."""

from argparse import ArgumentParser, Namespace

EXAMPLES = ('%(prog)s --seed 1 --out work_dirs/demo-1',)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add('--out', default='work_dirs/demo', help='folder for data and results')
    add('--iterations', type=int, default=300, help='training steps of each model')
    add('--seed', type=int, default=0, help='seed of the training, not of the images')
    add('--jobs', type=int, default=2, help='number of models to train at the same time')


def run(args: Namespace) -> None:
    from depthda.experiments.demo import run_demo

    run_demo(args.out, args.iterations, args.seed, args.jobs)
