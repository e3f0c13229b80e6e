"""Configs of methods that are trained with target images: a source config and a method's parts."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from leaf_text import DIRECTIONS, Leaf, leaf, parts

BODY = """\
model = dict(_delete_=True, segmentor={segmentor}, **_base_.{settings})
source = _base_.train_dataloader.dataset
train_dataloader = dict(
{batch}    dataset=dict(
        _delete_=True,
        type='DomainPairDataset',
        source_first=True,
        source={source},
        target=dict(_base_.target_images, depth=source.depth{split}),
{translated}    ){comma}
)
"""
# Methods that change the network of the config of the source.
TWIN = """\
dict(
    _base_.model,
    decode_head=dict(type='TwinHead', head=_base_.model.decode_head{}),
    auxiliary_head=None,
)"""
TRANSNORM = "backbone=dict(_base_.model.backbone, norm_cfg=dict(type='TransNorm')),"
STYLES = """\
dict(
    _base_.model,
    backbone=dict(type='TwoStyleBackbone', encoder=_base_.model.backbone),
    neck=dict(type='StyleSelection', in_channels={widths}),
    decode_head=dict(
        type='StyleHeads',
        head=dict(
            _base_.model.decode_head,{head}
            loss_decode=dict(
                type='CrossEntropyLoss',
                class_weight=_base_.class_weights.DIRECTION,
                avg_non_ignore=False,  # mmseg's loss fails with both
            ),
        ),
    ),
    auxiliary_head=None,
)"""
FADA = """\
dict(
    _base_.model,
    decode_head=dict(_base_.model.decode_head, temperature=1.8),
    auxiliary_head=None,
)"""
DCA = """\
dict(
    _base_.model,
    decode_head=dict(
        type='TwinHead',
        head={},
        weights=(0.5, 0.5),
        combine='mean',
    ),
    auxiliary_head=None,
)"""
TWO_WEIGHTS = ', weights=(1.0, 0.1)'
SEGMENTORS = {
    'transnorm_r50': TWIN.format(TWO_WEIGHTS).replace('    decode', f'    {TRANSNORM}\n    decode'),
    'transnorm_tiny': f'dict(\n    _base_.model, {TRANSNORM[:-1]}\n)',
    'clan_r50': TWIN.format(''),
    'clan_tiny': TWIN.format(''),
    'fada_r50': FADA,
    'fada-released-weights_r50': FADA,
    'dca_r50': DCA.format('dict(_base_.model.decode_head, dropout_ratio=0.5)'),
    'dca_tiny': DCA.format('_base_.model.decode_head'),
    'st-dasegnet_mit-b5': STYLES.format(
        widths='[64, 128, 320, 512]', head='\n            in_channels=[64, 128, 320, 576],'
    ),
    'st-dasegnet_r50': STYLES.format(
        widths='[256, 512, 1024, 2048]',
        head="""
            type='DepthwiseSeparableASPPHead',
            in_channels=2304,
            c1_in_channels=256,
            c1_channels=48,""",
    ),
    'st-dasegnet_tiny': STYLES.format(
        widths='[16, 32, 64, 128]', head='\n            in_channels=[16, 32, 64, 144],'
    ),
}
SETTINGS = Path(__file__).parent / '_base_/adaptation'
EVERY_TILE = 'source'
RARE_CLASSES = "dict(type='RareClassTiles', dataset=source{})"
TINY = ', min_pixels=190, crop_pixels=95'  # for crops of 128²
TRANSLATED = "        translated=dict(source, data_root='{}'),\n"
CRITICS = 'optim_wrapper = dict(_delete_=True, **_base_.{})\n'
OWN = 'depth-guided-self-training'
TITLES = {
    'daformer': 'DAFormer',
    'mic': 'MIC',
    'adaptsegnet': 'AdaptSegNet',
    'cbst': 'CBST',
    'transnorm': 'TransNorm',
    'clan': 'CLAN',
    'fada': 'FADA',
    'fada-released-weights': "FADA with LoveDA's released weights",
    'iast': 'IAST',
    'pycda': 'PyCDA',
    'dca': 'DCA',
    'st-dasegnet': 'ST-DASegNet',
    'mucss': 'A method after MUCSS, from its abstract,',
    OWN: 'Depth-guided self-training',
}
# Method, network, and folder and name of the source config.
LOVEDA = [
    ('daformer', 'mit-b5', 'baselines', 'daformer_mit-b5_1xb2-40k'),
    ('mic', 'mit-b5', 'baselines', 'daformer_mit-b5_1xb2-40k'),
    ('adaptsegnet', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    ('cbst', 'r50', 'baselines', 'pspnet_r50_1xb8-10k'),
    ('transnorm', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    ('clan', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    ('fada', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    ('fada-released-weights', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    ('iast', 'r50', 'baselines', 'pspnet_r50_1xb8-10k'),
    ('pycda', 'r50', 'baselines', 'pspnet_r50_1xb8-10k'),
    ('dca', 'r50', 'baselines', 'pspnet_r50_1xb8-10k'),
    ('st-dasegnet', 'mit-b5', 'baselines', 'segformer_mit-b5_1xb4-40k'),
    ('st-dasegnet', 'r50', 'baselines', 'deeplabv3_r50_1xb4-40k'),
    ('mucss', 'r50', 'baselines', 'deeplabv2_r50_1xb8-10k'),
    (OWN, 'convnext-b-s', 'depthda', 'depthda_convnext-b-s_1xb4-40k'),
    (OWN, 'mit-b5-b1', 'depthda', 'daformer_mit-b5-b1_1xb2-40k'),
]
VAIHINGEN = ('daformer', 'adaptsegnet', 'mucss')
ADVERSARIAL = ('adaptsegnet', 'transnorm', 'clan', 'fada', 'fada-released-weights', 'st-dasegnet')
RARE = ('daformer', 'mic', OWN)  # draw tiles with rare classes more often
SAMPLE = [
    ('daformer', 'upernet'),
    ('mic', 'upernet'),
    ('adaptsegnet', 'upernet'),
    ('cbst', 'upernet'),
    ('transnorm', 'upernet'),
    ('clan', 'upernet'),
    ('fada', 'upernet'),
    ('iast', 'upernet'),
    ('pycda', 'upernet'),
    ('dca', 'upernet'),
    ('st-dasegnet', 'upernet'),
    ('mucss', 'upernet'),
    ('daformer', 'depthda'),
    ('mic', 'depthda'),
    (OWN, 'depthda'),
]
# As in LoveDA's baselines.
MORE = {'pycda_r50-r2u': 'optim_wrapper = dict(optimizer=dict(lr=1e-3))\n'}


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
        if method == 'st-dasegnet':
            schedule = schedule.replace('1xb4', '1xb2')  # as released: an image on each of two GPUs
        places = [
            (f'loveda-{direction}{mark}', f'LoveDA {domains}, {protocol} protocol')
            for direction, domains in DIRECTIONS.items()
            for mark, protocol in (('', 'local'), ('-server', 'server'))
            if method != 'mucss'
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
                network,
            )
    for method, source in SAMPLE:
        marks = ('',) if method == 'mucss' else ('', '-server')
        for direction, mark in itertools.product(DIRECTIONS, marks):
            where = f'{DIRECTIONS[direction]}, {mark[1:] or "local"} protocol'
            yield _method(
                f'sample/{method}_{source}-tiny_{direction}{mark}',
                f'{TITLES[method]} with the model of {source}_tiny on the synthetic dataset, '
                f'{where}.',
                f'./{source}_tiny_{direction}{mark}.py',
                method,
                tiny=True,
            )


def _method(
    name: str, title: str, source: str, method: str, network: str = 'tiny', tiny: bool = False
) -> Leaf:
    rare = RARE_CLASSES.format(TINY if tiny else '')
    batch, split = '', ''
    if method == 'st-dasegnet' and not tiny:
        batch = '    batch_size=2,\n'
        # ST-DASegNet adapts to Train, LoveDA's own baselines to Val.
        split = ", split='Train'" if '-server' in name else ''
    make = 'Make the dataset first: python tools/make_sample.py data/sample' if tiny else ''
    translated = ''
    if method == 'mucss':
        folder = f'data/sample-{name[-3:]}' if tiny else 'data/potsdam2vaihingen'
        translated = TRANSLATED.format(folder)
        page = f'configs/{"sample" if tiny else "drdg"}/README.md'
        make = f'First translate the source images to {folder} ({page}).'
    direction = next((each for each in DIRECTIONS if f'loveda-{each}' in name), '')
    direction = 'tiny' if tiny else direction
    changed = SEGMENTORS.get(f'{method}_{network}')
    body = '' if changed is None else f'segmentor = {changed}\n'.replace('DIRECTION', direction)
    path = SETTINGS / f'{method.removesuffix("-released-weights")}.py'
    settings = _variable(path, 'released-weights' in method, network, direction)
    optimisers = _variable(path, False, network, 'optimisers') if method in ADVERSARIAL else ''
    body += BODY.format(
        settings=settings,
        segmentor='_base_.model' if changed is None else 'segmentor',
        source=rare if method in RARE else EVERY_TILE,
        batch=batch,
        comma=',' if batch else '',
        split=split,
        translated=translated,
    )
    body += CRITICS.format(optimisers) if method in ADVERSARIAL else ''
    body += MORE.get(f'{method}_{network}-{direction}', '')
    return leaf(name, title, [source, f'../_base_/adaptation/{path.name}'], body, make)


def _variable(path: Path, released: bool, network: str, direction: str) -> str:
    """Return the most special variable of a file of settings; bases of the file count as well."""
    text = path.read_text()
    if base := re.search(r"_base_ = '(.*)'", text):
        text += (path.parent / base[1]).read_text()
    network = network.replace('-', '_')
    names = ['released_weights'] if released else []
    names += [network] if direction == 'tiny' == network else []
    names += [f'{network}_{direction}', f'adaptation_{direction}', direction, 'adaptation']
    return next(name for name in names if f'\n{name} = ' in text)
