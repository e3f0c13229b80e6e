"""Train a model from a config file."""

from depthda.cli import (
    add_run_arguments,
    set_local_rank,
    stopped_by_signals,
    tool_parser,
    user_errors,
)


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/train.py configs/sample/depthda_tiny_u2r.py --cfg-options '
        'train_dataloader.batch_size=4\n'
        '  torchrun --nproc-per-node 4 tools/train.py CONFIG --launcher pytorch --amp',
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the last checkpoint that the last run in the work dir wrote',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (bfloat16)')
    parser.add_argument(
        '--check',
        action='store_true',
        help='take one training step, validate one sample, say what will be written where, and '
        'stop: nothing is written',
    )
    add_run_arguments(parser)
    args = parser.parse_args()
    set_local_rank(args.local_rank)
    with user_errors(), stopped_by_signals():
        from depthda.engine.launch import check_training, train

        how = (args.work_dir, args.resume, args.amp, args.cfg_options, args.launcher)
        if not args.check:
            train(args.config, *how)
        elif lines := check_training(args.config, *how):
            print(f'checked {args.config}: it can be trained', *lines, sep='\n  ')


if __name__ == '__main__':
    main()
