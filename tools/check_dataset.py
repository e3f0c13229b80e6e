"""Is the data of a config fit for training? Reads every sample and says what speaks against it.

Pairing and sizes, unreadable files, label values that are no class, empty, constant or upside-down
depth maps, classes that never occur, one image in two splits (also copies under other names);
with a table and a picture of the classes per domain, and sheets of samples. Exit status: 0 fit,
1 not, 2 a mistake.
"""

import sys

from depthda.cli import OptionsAction, progress_bars, tool_parser, user_errors


def main() -> None:
    parser = tool_parser(
        __doc__,
        'python tools/check_dataset.py configs/sample/depthda_tiny_u2r.py\n'
        '  python tools/check_dataset.py CONFIG --split train --workers 8\n'
        '  python tools/check_dataset.py CONFIG --fast',
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=['train', 'val', 'test'],
        default=['train', 'val', 'test'],
        help='data loaders to check (default: all)',
    )
    parser.add_argument('--fast', action='store_true', help='names and headers alone')
    parser.add_argument(
        '--out', metavar='DIR', help='where pictures go (default: work_dirs/check/<config name>)'
    )
    parser.add_argument('--workers', type=int, default=4, help='processes (default: 4)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionsAction,
        metavar='KEY=VALUE',
        help='override keys of the config; an unknown key is an error, +KEY=VALUE adds one',
    )
    args = parser.parse_args()
    with user_errors():
        sys.exit(run(args))


def run(args) -> int:
    """Check, print, draw; 1 if nobody should train on this."""
    from pathlib import Path

    from rich.console import Console

    from depthda.datasets.checks.report import (
        band_statistics,
        check_sets,
        copies_in,
        describe,
        draw_histogram,
        histogram,
        histogram_table,
    )
    from depthda.engine.checks.band_check import check_bands
    from depthda.engine.checks.data_check import check_classes, data_warnings
    from depthda.engine.launch import load_config
    from depthda.engine.prepare import check_folder
    from depthda.experiments.pictures.browse import deal, draw_sheets, open_source

    name = Path(args.config).stem
    out = Path(args.out or f'work_dirs/check/{name}')
    check_folder('--out', str(out))
    cfg = load_config(args.config, args.cfg_options)
    check_classes(cfg)
    check_bands(cfg)
    with progress_bars() as show:
        checked = check_sets(cfg, args.split, args.fast, args.workers, show)
    console = Console(width=None, highlight=False, soft_wrap=True)
    for each in checked:
        console.print(describe(each), markup=False)
        if line := band_statistics(each):
            console.print(f'  {line}', markup=False)
        for finding in each.findings:
            console.print(f'  {finding}', markup=False)
    copies = copies_in(checked)
    for line in (*copies, *(f'! {warning}' for warning in data_warnings(cfg))):
        console.print(str(line), markup=False)
    findings = [*copies, *(finding for each in checked for finding in each.findings)]
    serious = any(finding.serious for finding in findings)
    if shares := histogram(checked):
        console.print(histogram_table(shares))
        draw_histogram(out / 'classes.png', shares)
        console.print(str(out / 'classes.png'), markup=False)
    if not args.fast and not serious:
        for split in args.split:
            if cfg.get(f'{split}_dataloader'):
                source = open_source(cfg, name, split)
                samples = list(deal(source, 8, 1, seed=0))
                for path in draw_sheets(out, source, samples, split):
                    console.print(str(path), markup=False)
    looked = 'names and headers' if args.fast else 'every sample'
    console.print(f'not fit for training ({looked})' if serious else f'fit for training ({looked})')
    return 1 if serious else 0


if __name__ == '__main__':
    main()
