# Other methods with unlabelled target images, and the parts of depth-guided self-training, on three
# synthetic worlds, Urban -> Rural: a check of mechanisms, not evidence about LoveDA.
from _base_.synthetic import (
    ON_BOTH_DOMAINS,
    SAMPLE,
    SEEDS,
    WORLDS,
    instead_of_depth,
    row,
)

title = 'Methods and parts with target images, on the synthetic worlds'
caption = (
    'mIoU in %, mean ± standard deviation over worlds; gain: over the first row of the section, of '
    'the same world, with its 95 % interval over worlds. Methods that adapt see the target images '
    'of Train without labels, and are tested on those of Test. A check of mechanisms on synthetic '
    'images, not evidence about real ones.'
)
worlds = WORLDS[:3]
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

OURS = 'depth-guided-self-training'
# If the adversarial loss has weight 0, target images only influence the statistics of batch norm.
SEEN = {'model.terms.0.weight': 0.0}


def rgb(name, title, method, **rest):
    part = dict(part=', RGB', baseline='rgb-u2r')
    return row(name, title, f'{method}_upernet-tiny', 'u2r', **part | rest)


def depth(name, title, method=OURS, part=', RGB + depth', baseline='dual-u2r', **rest):
    given = dict(part=part, baseline=baseline)
    return row(name, title, f'{method}_depthda-tiny', 'u2r', **given, **rest)


def without(name, title, options):
    return depth(name, title, part=', parts', baseline='ours-u2r', options=options)


def replaced(by):
    """Return overrides that replace depth by something else in both domains."""
    options = instead_of_depth(by)
    step = {key: value for key, value in options.items() if 'train_dataloader' not in key}
    for side in ('source.dataset', 'target'):
        place = f'train_dataloader.dataset.{side}.pipeline.{2 if side != "target" else 1}'
        step |= {f'{place}.type': 'LoadControlDepth', f'+{place}.by': by}
    return step


GAP = dict(sample=dict(gap=('appearance',)), part=', gap in appearance alone')
rows = [
    row('rgb', 'source only', 'upernet_tiny', 'u2r', part=', RGB'),
    rgb('seen', 'source only, batch norm sees the target', 'adaptsegnet', options=SEEN),
    rgb('adaptsegnet', 'AdaptSegNet', 'adaptsegnet'),
    rgb('cbst', 'CBST', 'cbst'),
    rgb('daformer', 'DAFormer', 'daformer'),
    rgb('mic', 'MIC', 'mic'),
    row('dual', 'source only', 'depthda_tiny', 'u2r', part=', RGB + depth'),
    depth('daformer-depth', 'DAFormer', 'daformer'),
    depth('mic-depth', 'MIC', 'mic'),
    depth('ours', OURS),
    depth('ours-grey', f'{OURS}, grey image instead of depth', options=replaced('grey')),
    row('rgb-gap-appearance', 'source only', 'upernet_tiny', 'u2r', **GAP),
    rgb('daformer-gap', 'DAFormer', 'daformer', baseline='rgb-gap-appearance-u2r', **GAP),
]
# Each part of depth-guided self-training is left out once.
STRONG = dict(type='StrongAugmentation')
DROPOUT = dict(type='DepthDropout', prob=0.5)
DISTANCE = dict(type='FeatureDistance', weight=0.005)
rows += [
    without('wo-agreement', 'without agreement', {'model.pseudo.type': 'ConfidentShare'}),
    without('wo-match', 'without matched depth', {'model.mix.match_depth': False}),
    without('wo-dropout', 'without depth dropout', {'model.augmentation': [STRONG]}),
    without('wo-strong', 'without strong augmentation', {'model.augmentation': [DROPOUT]}),
    without('wo-masks', 'without masked consistency', {'model.terms': [DISTANCE]}),
    without('wo-complement', 'depth hidden with the colours', {'model.terms.1.depth': 'hide'}),
    without('wo-distance', 'without feature distance', {'model.terms.0.weight': 0.0}),
]
