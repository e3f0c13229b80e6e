"""Compare two models: the difference of their IoU (B - A), with two 95 % intervals.

A and B are each a run's folder (metrics.json, tiles.npz), or a folder that holds several runs up to
two levels down; runs are paired by world and seed. One interval is over the seeds (or worlds), the
other over the tested tiles; what each covers is printed with it.
"""

from depthda.cli import tool_parser, user_errors


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/compare.py work_dirs/upernet work_dirs/depthda --per-class\n'
        '  python tools/compare.py work_dirs/tables/synthetic/rgb work_dirs/tables/synthetic/dual '
        '--block 10 --out gain.md',
    )
    parser.add_argument('a', help='folder of a run, or of several: what is compared with')
    parser.add_argument('b', help='folder of a run, or of several: what is compared')
    parser.add_argument(
        '--group',
        help="images to compare on, as metrics.json names them: 'all', a domain, a split or "
        'SPLIT/DOMAIN (default: its headline)',
    )
    parser.add_argument('--per-class', action='store_true', help='a row for each class, too')
    parser.add_argument(
        '--resamples', type=int, default=10_000, metavar='N', help='of the bootstrap (10000)'
    )
    parser.add_argument(
        '--block',
        type=int,
        default=1,
        metavar='N',
        help='draw blocks of N tiles that are neighbours by name, not single ones',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap (0)')
    parser.add_argument('--out', metavar='FILE', help='write the result there too: .md or .json')
    args = parser.parse_args()
    with user_errors():
        run(args)


def run(args) -> None:
    """Compare, print, write."""
    from pathlib import Path

    from depthda.console import wide_console
    from depthda.errors import UserError
    from depthda.experiments.comparison.compare import compare
    from depthda.experiments.comparison.text import explain, markdown, terminal_table
    from depthda.io.files import atomic_path, check_not_replaced, write_json

    if args.out and Path(args.out).suffix not in ('.md', '.json'):
        raise UserError(f'--out {args.out}: give a name that ends with .md or .json.')
    if args.out:
        part = '"bootstrap_seed"' if args.out.endswith('.json') else '95 %'
        check_not_replaced(args.out, part, 'a comparison')
    result = compare(args.a, args.b, args.group, args.resamples, args.block, args.seed)
    console = wide_console(highlight=False)
    console.print(f'A  {args.a}\nB  {args.b}', soft_wrap=True, markup=False)
    console.print(terminal_table(result, args.per_class))
    for line in explain(result, args.per_class):
        console.print(line, markup=False)
    if args.out and args.out.endswith('.json'):
        write_json(args.out, result)
    elif args.out:
        with atomic_path(args.out) as beside:
            beside.write_text(markdown(result, args.per_class), encoding='utf-8')


if __name__ == '__main__':
    main()
