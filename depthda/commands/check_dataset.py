"""Check whether the data of a config is fit for training, and list what is wrong with it.

Every sample is read. The check covers pairing and sizes, unreadable files, label values without a
class, depth maps that are empty, constant or upside down, classes that never occur, and images that
are in two splits (also as copies with other names). A table and a picture show the classes of each
domain, and contact sheets show samples. The exit status is 0 if the data is fit, 1 if it is not,
and 2 if the arguments or the config are wrong.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from depthda.cli import add_config

_SPLITS = ['train', 'val', 'test']
EXAMPLES = (
    '%(prog)s configs/sample/depthda_tiny_u2r.py',
    '%(prog)s CONFIG --split train --workers 8',
    '%(prog)s CONFIG --fast',
)


def add_arguments(parser: ArgumentParser) -> None:
    add_config(parser)
    add = parser.add_argument
    add('--split', nargs='+', choices=_SPLITS, default=_SPLITS, help='data loaders to check')
    add('--fast', action='store_true', help='check names and headers only')
    add('--out', metavar='DIR', help='folder for pictures (default: work_dirs/check/<config name>)')
    add('--workers', type=int, default=4, help='number of processes')


def run(args: Namespace) -> int:
    from depthda.datasets.checks.report import band_statistics, check_datasets, copies_in, describe
    from depthda.engine.checks.build_mistakes import build_mistakes
    from depthda.engine.checks.data_check import check_classes, data_warnings
    from depthda.engine.checks.output_check import check_outputs
    from depthda.engine.checks.value_check import check_bands
    from depthda.engine.launch import load_config
    from depthda.progress import progress_bars

    name = Path(args.config).stem
    out = Path(args.out or f'work_dirs/check/{name}')
    cfg = load_config(args.config, args.cfg_options)
    check_outputs(cfg, out=str(out))
    check_classes(cfg)
    check_bands(cfg)
    with progress_bars() as show, build_mistakes(cfg):
        checked = check_datasets(cfg, args.split, args.fast, args.workers, show)
    for part in checked:
        print(describe(part))
        details = [line] if (line := band_statistics(part)) else []
        for line in (*details, *part.findings):
            print(f'  {line}')
    copies = copies_in(checked)
    for line in (*copies, *(f'! {warning}' for warning in data_warnings(cfg))):
        print(line)
    findings = [*copies, *(finding for part in checked for finding in part.findings)]
    serious = any(finding.serious for finding in findings)
    _draw_histogram(out / 'classes.png', checked)
    if not (args.fast or serious):
        _draw_samples(out, cfg, name, args.split)
    extent = 'names and headers' if args.fast else 'every sample'
    print(f'not fit for training ({extent})' if serious else f'fit for training ({extent})')
    return 1 if serious else 0


def _draw_histogram(path: Path, checked) -> None:
    from rich.console import Console

    from depthda.datasets.checks.report import draw_histogram, histogram, histogram_table

    if shares := histogram(checked):
        Console(highlight=False, soft_wrap=True).print(histogram_table(shares))
        draw_histogram(path, shares)
        print(path)


def _draw_samples(out: Path, cfg, name: str, splits) -> None:
    from depthda.pictures.browse import deal, draw_sheets, open_source

    for split in splits:
        if cfg.get(f'{split}_dataloader'):
            source = open_source(cfg, name, split)
            samples = list(deal(source, 8, 1, seed=0))
            print(*draw_sheets(out, source, samples, split), sep='\n')
