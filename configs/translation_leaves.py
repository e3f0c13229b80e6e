"""Configs of translations: of the synthetic dataset, and further ones from Potsdam to Vaihingen."""

from collections.abc import Iterator

from leaf_text import DIRECTIONS, Leaf, leaf, parts

ADAM = """\
# CycleGAN trains generators and critics with Adam at this learning rate.
optim_wrapper = dict(
    generators=dict(optimizer=dict(lr=2e-4)),
    critics=dict(optimizer=dict(_delete_=True, type='Adam', lr=2e-4, betas=(0.5, 0.999))),
)
"""
DECAY = """\
param_scheduler = [
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=400, end=800),
]
"""
SAMPLE = """\
model = dict(target_size=({size}, {size}))  # size of a translated tile of 256²
train_cfg = dict(type='IterBasedTrainLoop', max_iters=800)
default_hooks = dict(checkpoint=dict(interval=400, save_best=None), logger=dict(interval=50))
custom_hooks = [dict(type='TranslationHook', interval=400)]
"""
ISPRS = """\
# Every five epochs. There is no validation: the last checkpoint is the result.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
"""
WITHOUT_RESIDUAL = "model = dict(generator=dict(k=0.0, resize='pre'))\n"
CROPS = {'u2r': ('160x160-128x128', 208), 'r2u': ('128x128-160x160', 320)}
DRDG = 'adam-rmsprop-drdg'
LOSSES = 'rdg_cyclegan-losses'
# Model, title, schedule, further lines, directions.
MODELS = [
    ('drdg_tiny', 'DRDG', DRDG, '', ('u2r', 'r2u')),
    (f'{LOSSES}_tiny', "CycleGAN's losses with RDG's networks", DRDG, ADAM, ('u2r', 'r2u')),
    ('cyclegan_resnet-tiny', 'CycleGAN', 'adam-cyclegan', DECAY, ('u2r',)),
]


def sample() -> Iterator[Leaf]:
    """Yield tiny translations of the synthetic dataset."""
    for model, title, schedule, more, directions in MODELS:
        for direction in directions:
            domains, (crops, size) = DIRECTIONS[direction], CROPS[direction]
            source = domains.split()[0]
            yield leaf(
                f'sample/{model}_{direction}',
                f'Translation by {title} on the synthetic dataset, {domains}. tools/translate.py '
                f'then translates {source}, and upernet_tiny_{direction}.py is trained on the '
                'result (README.md).',
                parts(model, f'sample-pairs-{direction}-{crops}', schedule),
                SAMPLE.format(size=size) + more,
                'Make the dataset first: python tools/make_sample.py data/sample',
            )


def isprs() -> Iterator[Leaf]:
    """Yield further translations from Potsdam to Vaihingen: CycleGAN, and variants of RDG."""
    cities = 'Potsdam IRRG -> Vaihingen IRRG'
    pairs = 'potsdam2vaihingen-pairs-896x896-512x512'
    for model, title, schedule, body in (
        (
            'cyclegan_resnet9',
            f'CycleGAN, the translation of Benjdira et al.: {cities}. The DRDG paper reports '
            '38.45 mIoU for a segmentation trained on its translations.',
            'adam-cyclegan_200e-potsdam',
            ISPRS,
        ),
        (
            LOSSES,
            f"CycleGAN's losses with RDG's networks, not in the paper: {cities}.",
            'adam-rmsprop-drdg_101e-potsdam',
            ISPRS + ADAM,
        ),
        (
            'rdg_wo-residual',
            'RDG without its residual, and with images resized before translation; otherwise '
            f'unchanged. It stands for the DualGAN of MUCSS: {cities}.',
            'adam-rmsprop-drdg_101e-potsdam',
            WITHOUT_RESIDUAL + ISPRS,
        ),
    ):
        yield leaf(
            f'drdg/{model}_potsdam2vaihingen',
            title,
            parts(model.removesuffix('_wo-residual'), pairs, schedule),
            body,
            'On a GPU, add --amp to the command.',
        )
