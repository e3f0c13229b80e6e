"""Configs of methods that are trained with target images: a source config and a method's parts."""

import itertools
from collections.abc import Iterator

from leaf_text import DIRECTIONS, Leaf, leaf, parts

BODY = """\
model = dict(_delete_=True, segmentor=_base_.model, **_base_.adaptation)
source = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DomainPairDataset',
        source_first=True,
        source={source},
        target=dict(_base_.target_images, depth=source.depth),
    )
)
"""
EVERY_TILE = 'source'
RARE_CLASSES = "dict(type='RareClassTiles', dataset=source{})"
TINY = ', min_pixels=190, crop_pixels=95'  # for crops of 128²
CRITICS = 'optim_wrapper = dict(_delete_=True, **_base_.optimisers)\n'
OWN = 'depth-guided-self-training'
TITLES = {
    'daformer': 'DAFormer',
    'mic': 'MIC',
    'adaptsegnet': 'AdaptSegNet',
    'cbst': 'CBST',
    OWN: 'Depth-guided self-training',
}
# Method, network, and folder and name of the source config.
LOVEDA = [
    ('daformer', 'mit-b5', 'baselines', 'daformer_mit-b5_1xb2-40k'),
    ('mic', 'mit-b5', 'baselines', 'daformer_mit-b5_1xb2-40k'),
    ('adaptsegnet', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    ('cbst', 'r50', 'baselines', 'pspnet_r50_1xb8-10k'),
    (OWN, 'convnext-b-s', 'depthda', 'depthda_convnext-b-s_1xb4-40k'),
    (OWN, 'mit-b5-b1', 'depthda', 'daformer_mit-b5-b1_1xb2-40k'),
]
VAIHINGEN = ('daformer', 'adaptsegnet')
SAMPLE = [
    ('daformer', 'upernet'),
    ('mic', 'upernet'),
    ('adaptsegnet', 'upernet'),
    ('cbst', 'upernet'),
    ('daformer', 'depthda'),
    ('mic', 'depthda'),
    (OWN, 'depthda'),
]


def baselines() -> Iterator[Leaf]:
    """Yield the source-only configs that the adaptations to Vaihingen are built on."""
    body = 'model = dict({})\ntrain_dataloader = dict(batch_size={})\n'
    for network, title, schedule, size, heads in (
        ('daformer_mit-b5', "DAFormer's network with MiT-B5", 'adamw-segformer_40k', 2, 1),
        ('deeplabv2_r50', 'DeepLabV2 with ResNet-50', 'sgd-loveda_10k', 8, 2),
    ):
        names = ('decode_head', 'auxiliary_head')[:heads]
        classes = ', '.join(f'{name}=dict(num_classes=6)' for name in names)
        yield leaf(
            f'baselines/{network}_1xb{size}-{schedule[-3:]}_potsdam2vaihingen-512x512',
            f'{title}: trained on untranslated Potsdam, tested on Vaihingen.',
            parts(network, 'potsdam2vaihingen-512x512', schedule),
            body.format(classes, size),
        )


def methods() -> Iterator[Leaf]:
    """Yield each method on its network and its datasets, and tiny ones on the synthetic dataset."""
    for method, network, folder, source in LOVEDA:
        schedule = source.rpartition('_')[2]
        places = [
            (f'loveda-{direction}{mark}', f'LoveDA {domains}, {protocol} protocol')
            for direction, domains in DIRECTIONS.items()
            for mark, protocol in (('', 'local'), ('-server', 'server'))
        ]
        if method in VAIHINGEN:
            places.append(('potsdam2vaihingen', 'Potsdam to Vaihingen'))
        if network == 'convnext-b-s':
            places.append(('prepared', 'a custom dataset (docs/adaptation.md)'))
        for data, where in places:
            yield _method(
                f'adaptation/{method}_{network}_{schedule}_{data}-512x512',
                f'{TITLES[method]} with the model of {source}: {where}.',
                f'../{folder}/{source}_{data}-512x512.py',
                method,
            )
    for method, source in SAMPLE:
        for direction, mark in itertools.product(DIRECTIONS, ('', '-server')):
            where = f'{DIRECTIONS[direction]}, {mark[1:] or "local"} protocol'
            yield _method(
                f'sample/{method}_{source}-tiny_{direction}{mark}',
                f'{TITLES[method]} with the model of {source}_tiny on the synthetic dataset, '
                f'{where}.',
                f'./{source}_tiny_{direction}{mark}.py',
                method,
                tiny=True,
            )


def _method(name: str, title: str, source: str, method: str, tiny: bool = False) -> Leaf:
    settings = f'../_base_/adaptation/{method}{"_tiny" if tiny else ""}.py'
    rare = RARE_CLASSES.format(TINY if tiny else '')
    tiles = EVERY_TILE if method in ('adaptsegnet', 'cbst') else rare
    body = BODY.format(source=tiles) + (CRITICS if method == 'adaptsegnet' else '')
    make = 'Make the dataset first: python tools/make_sample.py data/sample' if tiny else ''
    return leaf(name, title, [source, settings], body, make)
