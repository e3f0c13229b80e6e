"""Test a checkpoint, or score index maps: scores, predicted maps, a checked submission zip."""

from depthda.cli import add_run_arguments, set_local_rank, tool_parser, user_errors


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/test.py CONFIG work_dirs/NAME/iter_40000.pth\n'
        '  python tools/test.py CONFIG --predictions DIR\n'
        '  python tools/test.py SERVER_CONFIG CHECKPOINT --tta --submission u2r.zip\n'
        '  python tools/test.py CONFIG CHECKPOINT --depth as-is zero flat shuffle',
    )
    parser.add_argument('config', help='config file the checkpoint was trained with')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file (.pth)')
    parser.add_argument(
        '--predictions',
        metavar='DIR',
        help='instead of a checkpoint: score the index maps in DIR, made by any other code, each '
        'with the name of its test image (2-D PNG or TIFF, classes from 0 on)',
    )
    parser.add_argument('--out', metavar='DIR', help='write predicted index maps (PNG) there')
    parser.add_argument('--show-dir', metavar='DIR', help='write predictions in colour there')
    parser.add_argument(
        '--save-depth',
        metavar='DIR',
        help='write the depth that the model predicts (DepthSeg) there: 16-bit maps and pictures',
    )
    parser.add_argument(
        '--submission', metavar='ZIP', help='pack the predictions for the challenge server'
    )
    parser.add_argument(
        '--against',
        metavar='DIR',
        help='test images that the zip must match, for a set that is not LoveDA',
    )
    parser.add_argument('--tta', action='store_true', help='average over flips')
    parser.add_argument(
        '--depth',
        nargs='+',
        choices=('as-is', 'zero', 'flat', 'shuffle'),
        metavar='KIND',
        help='does the model use depth? Test with the map as it is, with no depth (zero), with '
        "the same depth everywhere (flat), with another tile's (shuffle), and show one table",
    )
    add_run_arguments(parser)
    args = parser.parse_args()
    set_local_rank(args.local_rank)
    with user_errors():
        check_what_is_tested(args)
        if args.predictions:
            return score_folder(args)
        if args.depth:
            return test_depth(args)
        from depthda.engine.launch import test

        test(
            args.config,
            args.checkpoint,
            work_dir=args.work_dir,
            out=args.out,
            show_dir=args.show_dir,
            save_depth=args.save_depth,
            submission=args.submission,
            against=args.against,
            tta=args.tta,
            cfg_options=args.cfg_options,
            launcher=args.launcher,
        )


def check_what_is_tested(args) -> None:
    """Refuse a checkpoint and predictions at once, or neither."""
    from depthda.errors import UserError

    if (args.checkpoint is None) == (args.predictions is None):
        raise UserError('give a checkpoint to test, or --predictions DIR to score: one of the two.')


def score_folder(args) -> None:
    """Score maps that are there; options that need a model are refused."""
    from depthda.engine.score_predictions import score_predictions
    from depthda.errors import UserError

    needs_model = ('out', 'save_depth', 'submission', 'against', 'tta', 'depth')
    if given := [name for name in needs_model if getattr(args, name)]:
        options = ', '.join(f'--{name.replace("_", "-")}' for name in given)
        raise UserError(f'--predictions scores maps that are there: leave out {options}.')
    if args.launcher != 'none':
        raise UserError('--predictions runs in one process: leave out --launcher.')
    score_predictions(args.config, args.predictions, args.work_dir, args.show_dir, args.cfg_options)


def test_depth(args) -> None:
    """The same test for each kind of depth."""
    from depthda.errors import UserError
    from depthda.experiments.comparison.depth_use import test_depth_use

    if args.out or args.show_dir or args.save_depth or args.submission:
        raise UserError(
            '--depth tests several times: leave out --out, --show-dir, --save-depth, --submission.'
        )
    test_depth_use(
        args.config,
        args.checkpoint,
        args.depth,
        work_dir=args.work_dir,
        tta=args.tta,
        cfg_options=args.cfg_options,
        launcher=args.launcher,
    )


if __name__ == '__main__':
    main()
