"""Train a model from a config file."""

from argparse import ArgumentParser, Namespace

from depthda.cli import add_run_arguments, stopped_by_signals

EXAMPLES = (
    '%(prog)s configs/sample/depthda_tiny_u2r.py --cfg-options train_dataloader.batch_size=4',
    'torchrun --nproc-per-node 4 -m depthda train CONFIG --launcher pytorch --amp',
)


def add_arguments(parser: ArgumentParser) -> None:
    add_run_arguments(parser)
    add = parser.add_argument
    text = 'continue from the last checkpoint in the work dir'
    add('--resume', action='store_true', help=text)
    add('--amp', action='store_true', help='train in mixed precision (bfloat16)')
    text = 'run one training step, validate one sample, and report what a run would write; '
    text += 'nothing is written'
    add('--check', action='store_true', help=text)


def run(args: Namespace) -> None:
    with stopped_by_signals():
        from depthda.engine.launch import check_training, train

        options = (args.work_dir, args.resume, args.amp, args.cfg_options, args.launcher)
        if not args.check:
            train(args.config, *options)
        elif lines := check_training(args.config, *options):
            print(f'checked {args.config}: it can be trained', *lines, sep='\n  ')
