"""Check whether the data of a config is fit for training, and list what speaks against it.

Every sample is read. Checked are pairing and sizes, unreadable files, label values without a class,
depth maps that are empty, constant or upside down, classes that never occur, and images that are in
two splits (also copies under other names). A table and a picture show the classes of each domain,
and sheets show samples. Exit status: 0 fit, 1 not fit, 2 a mistake.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.cli import add_cfg_options, progress_bars

EXAMPLES = (
    '%(prog)s configs/sample/depthda_tiny_u2r.py',
    '%(prog)s CONFIG --split train --workers 8',
    '%(prog)s CONFIG --fast',
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--split',
        nargs='+',
        choices=['train', 'val', 'test'],
        default=['train', 'val', 'test'],
        help='data loaders to check (default: all)',
    )
    parser.add_argument('--fast', action='store_true', help='check names and headers only')
    parser.add_argument(
        '--out', metavar='DIR', help='where pictures go (default: work_dirs/check/<config name>)'
    )
    parser.add_argument('--workers', type=int, default=4, help='processes (default: 4)')
    add_cfg_options(parser)


def run(args: Namespace) -> int:
    """Check, print and draw; returns 1 if the data is not fit for training."""
    from rich.console import Console

    from depthda.datasets.checks.report import band_statistics, check_sets, copies_in, describe
    from depthda.engine.checks.band_check import check_bands
    from depthda.engine.checks.data_check import check_classes, data_warnings
    from depthda.engine.checks.output_check import check_folder
    from depthda.engine.launch import load_config

    name = Path(args.config).stem
    out = Path(args.out or f'work_dirs/check/{name}')
    check_folder('--out', str(out))
    cfg = load_config(args.config, args.cfg_options)
    check_classes(cfg)
    check_bands(cfg)
    with progress_bars() as show:
        checked = check_sets(cfg, args.split, args.fast, args.workers, show)
    console = Console(highlight=False, soft_wrap=True)
    for part in checked:
        console.print(describe(part), markup=False)
        if line := band_statistics(part):
            console.print(f'  {line}', markup=False)
        for finding in part.findings:
            console.print(f'  {finding}', markup=False)
    copies = copies_in(checked)
    for line in (*copies, *(f'! {warning}' for warning in data_warnings(cfg))):
        console.print(str(line), markup=False)
    findings = [*copies, *(finding for part in checked for finding in part.findings)]
    serious = any(finding.serious for finding in findings)
    splits = () if args.fast or serious else args.split
    _draw(console, out, checked, cfg, name, splits)
    extent = 'names and headers' if args.fast else 'every sample'
    console.print(f'not fit for training ({extent})' if serious else f'fit for training ({extent})')
    return 1 if serious else 0


def _draw(console, out: Path, checked, cfg, name: str, splits) -> None:
    """Draw the shares of the classes, and sheets of samples of the splits."""
    from depthda.datasets.checks.report import draw_histogram, histogram, histogram_table
    from depthda.experiments.pictures.browse import deal, draw_sheets, open_source

    if shares := histogram(checked):
        console.print(histogram_table(shares))
        draw_histogram(out / 'classes.png', shares)
        console.print(str(out / 'classes.png'), markup=False)
    for split in splits:
        if cfg.get(f'{split}_dataloader'):
            source = open_source(cfg, name, split)
            samples = list(deal(source, 8, 1, seed=0))
            for path in draw_sheets(out, source, samples, split):
                console.print(str(path), markup=False)
