"""Configs of segmentations between the ISPRS cities, on original and on translated images."""

from collections.abc import Iterator

from leaf_text import Leaf, leaf, parts

P2V, V2P = 'potsdam2vaihingen', 'vaihingen2potsdam'
EVERY = 'default_hooks = dict(checkpoint=dict(interval=291))  # every 5 epochs\n'
TRANSLATE = 'First translate the training images (configs/drdg/README.md).'
# What a config adds to its bases if its model reads the surface model.
DSM = """\
model = dict({}=dict(num_classes=6){}, auxiliary_head=dict(num_classes=6))
train_dataloader = dict(batch_size=4, dataset=dict(depth='dsm', pipeline=_base_.dsm_train_pipeline))
test_pipeline = {{{{_base_.dsm_test_pipeline}}}}
tta_pipeline = {{{{_base_.dsm_tta_pipeline}}}}
tested = dict(dataset=dict(depth='dsm', pipeline={{{{_base_.dsm_test_pipeline}}}}))
val_dataloader = tested
test_dataloader = tested
"""


def drdg() -> Iterator[Leaf]:
    """Yield the segmentation stage of DRDG, trained on translated and on untranslated images."""
    swapped = 'with the areas of Vaihingen swapped: selected on 25 areas, tested on 8'
    for name, data, title in (
        (P2V, f'{P2V}-translated', 'Potsdam translated to Vaihingen, tested on Vaihingen'),
        (
            f'{P2V}-reversed',
            f'{P2V}-translated-reversed',
            f'Potsdam translated to Vaihingen, {swapped}',
        ),
        (f'source-only_{P2V}', P2V, 'untranslated Potsdam, tested on Vaihingen: the baseline'),
        (f'source-only_{P2V}-reversed', f'{P2V}-reversed', f'untranslated Potsdam, {swapped}'),
        (f'source-only_{V2P}', V2P, 'untranslated Vaihingen, tested on Potsdam: the baseline'),
        (V2P, f'{V2P}-translated', 'Vaihingen translated to Potsdam, tested on Potsdam'),
    ):
        yield leaf(
            f'drdg/deeplabv3_r34_{name}-512x512',
            f'DeepLabV3 with ResNet-34 trained on {title}.',
            parts('deeplabv3_r34', f'{data}-512x512', 'adam-deeplabv3-isprs_101e'),
            EVERY,
            '' if 'source-only' in name else 'First translate the training images (README.md).',
        )


def with_surface_model() -> Iterator[Leaf]:
    """Yield DepthDA and the depth-guided framework, with the surface model as depth."""
    for name, title, body in (
        ('depthda', 'DepthDA', DSM.format('decode_head', '')),
        ('depth_guided', 'Depth-guided framework', DSM.format('decode_head=dict(head', ')')),
    ):
        for data, cities in ((P2V, ('Potsdam', 'Vaihingen')), (V2P, ('Vaihingen', 'Potsdam'))):
            for mark, kind in (('', ''), ('-translated', 'translated ')):
                yield leaf(
                    f'{name}/{name}_convnext-b-s_1xb4-40k_{data}{mark}-512x512',
                    f'{title}, ConvNeXt-B + S, with the surface model: trained on {kind}'
                    f'{cities[0]}, tested on {cities[1]}.',
                    parts(f'{name}_convnext-b-s', f'{data}{mark}-512x512', 'adamw_40k'),
                    body,
                    TRANSLATE if mark else '',
                )
