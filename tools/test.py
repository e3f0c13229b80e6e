"""Test a checkpoint: scores, predicted maps, and a checked submission zip."""

from depthda.cli import add_run_arguments, set_local_rank, tool_parser, user_errors


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/test.py CONFIG work_dirs/NAME/iter_40000.pth\n'
        '  python tools/test.py SERVER_CONFIG CHECKPOINT --tta --submission u2r.zip\n'
        '  python tools/test.py CONFIG CHECKPOINT --depth as-is zero flat shuffle',
    )
    parser.add_argument('config', help='config file the checkpoint was trained with')
    parser.add_argument('checkpoint', help='checkpoint file (.pth)')
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


def test_depth(args) -> None:
    """The same test for each kind of depth."""
    from depthda.errors import UserError
    from depthda.evaluation.depth_use import test_depth_use

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
