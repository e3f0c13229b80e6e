"""Parts of the tables on the synthetic worlds.

The settings were chosen on worlds 900, 901 and 902, before any run on the worlds of the tables.
docs/synthetic-benchmark.md lists what was tried.
"""

from _base_.classes import class_columns

# These worlds were used neither for pretraining nor for choosing settings.
WORLDS = (11, 12, 13, 14, 15, 16)
SEEDS = (0,)  # seeds of one world share its images, so a world counts once
SAMPLE = dict(train=100, test=20, size=256)
# For an RGB-only model tested on its own domain, half as many iterations lose 3 to 5 points (worlds
# 900 and 901), and twice as many gain 1 point (tried on world 901 only).
ITERATIONS = 2400
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}
# Columns of gains over a row's baseline. mIoU depends on rare classes, which a run finds or misses;
# the other three measures depend less on them.
GAINS = [
    dict(key='{target}/mIoU', title='gain', gain=True),
    dict(key='{target}/mIoU', title='gain in found classes', gain=True, found=True),
    dict(key='{target}/fwIoU', title='gain in fwIoU', gain=True),
    dict(key='{target}/OA', title='gain in OA', gain=True),
]
ON_THE_TARGET = [*class_columns(), dict(key='{target}/mIoU', title='mIoU'), *GAINS]
ON_BOTH_DOMAINS = [
    dict(key='{target}/mIoU', title='target'),
    *GAINS,
    dict(key='{source}/mIoU', title='source'),
]
# Pretraining in place of ImageNet and DINOv2: encoders see another world, without labels.
TWO_DATES = dict(train=160, val=0, test=0, size=256, bands='two-dates')
ENCODERS = {
    'upernet_tiny': ['backbone'],
    'depthseg_tiny': ['backbone'],
    'upernet-tiny': ['segmentor.backbone'],  # inside a model that adapts
    'depthda-tiny': ['segmentor.backbone.rgb', 'segmentor.backbone.depth'],
}
FAMILIES = {'depthseg_tiny': 'vit-tiny'}


def pretraining(family):
    """Return the pretraining of an encoder, which all tables share."""
    return dict(config=f'configs/pretraining/dates_{family}.py', world=1000, sample=TWO_DATES)


def from_pretrained(*encoders):
    """Return overrides that start these encoders of a model from the pretrained weights."""
    start = dict(type='Pretrained', checkpoint='{pretrained}', prefix='backbone.')
    return {f'+model.{encoder}.init_cfg': start for encoder in encoders}


def trained_for(iterations):
    """Return overrides for the length of a training that only saves its last checkpoint."""
    return {
        'train_cfg.max_iters': iterations,
        'train_cfg.val_interval': iterations,
        'default_hooks.checkpoint.interval': iterations,
        'param_scheduler.1.end': iterations,
    }


def both_domains(direction):
    """Return overrides for a test on both domains; scores without a prefix are of the target."""
    source, target = DIRECTIONS[direction]
    return {'test_dataloader.dataset.domain': [target, source], '+test_evaluator.headline': target}


def row(name, title, model, direction, part='', options=None, pretrained=True, **fields):
    """Return a row of a model in ``configs/sample``, trained in one direction."""
    source, target = DIRECTIONS[direction]
    start = {}
    if pretrained:
        network = model.rpartition('_')[2] if model.endswith('-tiny') else model
        encoders = ENCODERS.get(network, ['backbone.rgb', 'backbone.depth'])
        if model.startswith('st-dasegnet'):  # its two encoders are built from one config
            encoders = ['segmentor.backbone.encoder']
        fields['pretrained'] = pretraining(FAMILIES.get(model, 'resnet-tiny'))
        start = from_pretrained(*encoders) | trained_for(ITERATIONS)
    return dict(
        name=f'{name}-{direction}',
        title=title,
        section=f'{source} → {target}{part}',
        config=f'configs/sample/{model}_{direction}.py',
        options=start | (options or {}),
        checkpoint='last',  # so that no label selects the checkpoint
        test_options=both_domains(direction),
        source=source,
        target=target,
        **fields,
    )


def instead_of_depth(by):
    """Return overrides that replace depth by something else, in training and in the tests."""
    options = {}
    for loader, index in {'train': 2, 'val': 1, 'test': 1}.items():  # index of LoadDepth
        step = f'{loader}_dataloader.dataset.pipeline.{index}'
        options |= {f'{step}.type': 'LoadControlDepth', f'+{step}.by': by}
    return options
