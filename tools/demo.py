"""Train, test and compare with and without depth on synthetic images: minutes, no GPU, no data."""

from depthda.cli import tool_parser, user_errors


def main() -> None:
    parser = tool_parser(__doc__, 'python tools/demo.py --seed 1 --out work_dirs/demo-1')
    parser.add_argument('--out', default='work_dirs/demo', help='where everything goes')
    parser.add_argument('--iterations', type=int, default=300, help='training steps a model')
    parser.add_argument('--seed', type=int, default=0, help='of the training, not of the images')
    parser.add_argument('--jobs', type=int, default=2, help='models trained side by side')
    args = parser.parse_args()
    with user_errors():
        from depthda.experiments.demo import run_demo

        run_demo(args.out, args.iterations, args.seed, args.jobs)


if __name__ == '__main__':
    main()
