# Worlds in which a mechanism must help if it works, Urban -> Rural: a check of mechanisms, not
# evidence about LoveDA. docs/synthetic-benchmark.md explains each row.
from _base_.synthetic import (
    ITERATIONS,
    ON_BOTH_DOMAINS,
    SAMPLE,
    SEEDS,
    WORLDS,
    both_domains,
    from_pretrained,
    pretraining,
    row,
    trained_for,
)
from _base_.translation import chain

title = 'Mechanisms on the synthetic worlds'
caption = (
    'mIoU in %, mean ± standard deviation over worlds; gain: over the first row of the section, of '
    'the same world, with its 95 % interval over worlds. Translations and transfers see unlabelled '
    'target images from Train, never from Test. A check of mechanisms on synthetic images, not '
    'evidence about real ones.'
)
worlds = WORLDS[:3]
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

GAPS = ('appearance', 'resolution')
# Translation models: title, and overrides of the weights of the depth losses.
SYSTEMS = {
    'rdg': ('RDG', dict(dsl_weight=0.0, dccl_weight=0.0)),
    'wo-dsl': ('DRDG without DSL', dict(dsl_weight=0.0)),
    'wo-dccl': ('DRDG without DCCL', dict(dccl_weight=0.0)),
    'drdg': ('DRDG', {}),
}
# If pixels have the same ground size in both domains, the translation does not resize images.
SAME_SIZE = {
    'model.target_size': (256, 256),
    'train_dataloader.dataset.source.pipeline.2.crop_size': (128, 128),
}


def translated(name, title, gap, weights, **fields):
    """Return a row that translates the source, and trains a model without depth on the result."""
    options = {f'model.{key}': value for key, value in weights.items()}
    return dict(
        name=f'{name}-gap-{gap}-u2r',
        title=title,
        steps=chain(
            'configs/sample/drdg_tiny_u2r.py',
            'configs/sample/upernet_tiny_u2r.py',
            options | ({} if gap == 'resolution' else SAME_SIZE),
            options=from_pretrained('backbone') | trained_for(ITERATIONS),
            data='{data}',
            test=dict(checkpoint='last', options=both_domains('u2r')),
        ),
        source='Urban',
        target='Rural',
        pretrained=pretraining('resnet-tiny'),
        **fields,
    )


def styled(transform):
    """Return overrides that give training images the style of unlabelled target images."""
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type=transform, folder='{data}/Train/Rural/images_png'),
        dict(type='LoadAnnotations'),
        dict(type='LoadDepth'),
        dict(type='BalancedCrop', crop_size=(128, 128), cat_max_ratio=0.75),
        dict(
            type='RandomFlip',
            prob=[0.25, 0.25, 0.25],
            direction=['horizontal', 'vertical', 'diagonal'],
        ),
        dict(type='PackSegInputs'),
    ]
    return {'train_dataloader.dataset.pipeline': pipeline}


def in_gap(gap, name, title, model, **fields):
    fields |= dict(part=f', gap in {gap} alone', sample=dict(gap=(gap,)))
    return row(f'{name}-gap-{gap}', title, f'{model}_tiny', 'u2r', **fields)


rows = []
for gap in GAPS:
    base = f'rgb-gap-{gap}-u2r'
    rows += [
        in_gap(gap, 'rgb', 'source only', 'upernet'),
        in_gap(gap, 'dual', 'RGB + depth', 'depthda', baseline=base),
    ]
    transfers = (('colour', 'means and deviations', 'Colour'), ('fourier', 'FDA', 'Fourier'))
    rows += [
        in_gap(gap, name, text, 'upernet', baseline=base, options=styled(f'{kind}Transfer'))
        for name, text, kind in transfers
    ]
    common = dict(section=rows[-1]['section'], sample=dict(gap=(gap,)), baseline=base)
    # Each depth loss is left out once, but only across the gap in appearance.
    names = SYSTEMS if gap == 'appearance' else ('rdg', 'drdg')
    for name in names:
        system_title, weights = SYSTEMS[name]
        rows.append(translated(name, system_title, gap, weights, **common))

# DepthSeg on a ViT that is pretrained and frozen, in the world with all gaps.
NO_ADAPTER = {'model.adapter': None}
NO_PROMPTER = {
    'model.depth_decoder': None,
    'model.prompter': None,
    'model.loss_depth': None,
    'model.decode_head.prompt_channels': 0,
}
rows += [
    row(
        f'depthseg-{name}',
        text,
        'depthseg_tiny',
        'u2r',
        part=', DepthSeg',
        options=options,
        baseline='' if name == 'neither' else 'depthseg-neither-u2r',
    )
    for name, text, options in (
        ('neither', 'neither', NO_ADAPTER | NO_PROMPTER),
        ('adapter', 'adapter alone', NO_PROMPTER),
        ('prompter', 'depth prompter alone', NO_ADAPTER),
        ('both', 'adapter and depth prompter', {}),
    )
]
