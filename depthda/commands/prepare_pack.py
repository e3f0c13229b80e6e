"""Pack the tiles of a config, so that crops are read faster (``depthda prepare-dataset pack``)."""

from argparse import Namespace

from depthda.cli import add_cfg_options, help_texts

_ABOUT = (
    'Write the decoded images, labels and depth of a dataset of a config to a few large files. A '
    'training with cache=DIR reads only the crops from them, which takes a fraction of the time, '
    'and gets the same samples. Images are not compressed: 1000 tiles of LoveDA take 6.3 GB. An '
    'interrupted run continues where it stopped, and further tiles can be added.'
)
_EXAMPLES = (
    '%(prog)s depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512 --out data/packed/urban',
    '%(prog)s CONFIG --dataset train_dataloader.dataset.target --out data/packed/rural',
)
_DATASET = 'train_dataloader.dataset'


def add_parser(datasets) -> None:
    parser = datasets.add_parser(
        'pack', help='the tiles of a config, for faster reading', **help_texts(_ABOUT, *_EXAMPLES)
    )
    add = parser.add_argument
    add('config', help='a config file, or the name of one that comes with depthda')
    add('--out', required=True, metavar='DIR', help='folder to write, such as data/packed/urban')
    text = f'key of the dataset in the config (default: {_DATASET})'
    add('--dataset', default=_DATASET, metavar='KEY', help=text)
    add('--workers', type=int, default=4, help='number of threads')
    add_cfg_options(parser)
    parser.set_defaults(call=_pack)


def _pack(args: Namespace) -> int:
    import depthda.register  # noqa: F401, I001
    from mmengine.registry import init_default_scope
    from mmseg.registry import DATASETS

    from depthda.datasets.packed import pack_tiles
    from depthda.datasets.rgbd import RGBDSegDataset
    from depthda.engine.prepare import load_config
    from depthda.errors import UserError, many
    from depthda.progress import progress_bars

    if args.workers < 1:
        raise UserError(f'--workers {args.workers} must be 1 or more.')
    cfg = load_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    node = cfg
    for part in args.dataset.split('.'):
        node = node.get(part) if isinstance(node, dict) or node is cfg else None
    if not isinstance(node, dict) or 'type' not in node:
        raise UserError(f'{args.config} has no dataset {args.dataset}: name another --dataset.')
    if node.get('source'):
        raise UserError(
            f'{args.dataset} is a pair of datasets: pack each of them, with --dataset '
            f'{args.dataset}.source and {args.dataset}.target.'
        )
    dataset = DATASETS.build(node | dict(cache=None))
    if not isinstance(dataset, RGBDSegDataset):
        raise UserError(f'{args.dataset} is a {node["type"]}, which cannot be packed.')
    with progress_bars() as show:
        number = pack_tiles(dataset, args.out, args.workers, lambda *step: show('tiles', *step))
    print(f'{args.out}: {many(number, "tile")} added, {len(dataset)} in this dataset')
    sign = '' if 'cache' in node else '+'
    print(f'to use them: --cfg-options {sign}{args.dataset}.cache={args.out}')
    return 0
