# Ablations of the relative-depth-guided framework on LoveDA, in both directions, local protocol. No
# paper reports these scores. Both directions share a config, because only the domains differ.
from _base_.classes import class_columns

title = 'Depth-guided framework: ablations (LoveDA)'
caption = (
    'IoU in % on target Val, mean ± standard deviation over seeds; gain: over the RGB-only '
    'ConvNeXt-B of the same seed, with its 95 % interval over seeds.'
)
seeds = (0, 1, 2)
columns = [
    *class_columns(),
    dict(key='mIoU', title='mIoU'),
    dict(key='mIoU', title='gain', gain=True),
]
SOURCE_KEYS = ('train_dataloader.dataset.domain', 'val_dataloader.dataset.domain')
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}


def row(name, title, config, section, options=None, **fields):
    return dict(
        name=name,
        title=title,
        section=section,
        config=f'configs/{config}_1xb4-40k_loveda-u2r-512x512.py',
        options=options or {},
        baseline='' if name == 'rgb' else 'rgb',
        **fields,
    )


def ablation(name, title, section, **fields):
    return row(name, title, f'depth_guided/ablations/{name}', section, **fields)


def in_direction(row, direction):
    source, target = DIRECTIONS[direction]
    domains = dict.fromkeys(SOURCE_KEYS, source) | {'test_dataloader.dataset.domain': target}
    return row | dict(
        name=f'{row["name"]}-{direction}',
        section=f'{source} → {target}: {row["section"]}',
        options=row['options'] | ({} if direction == 'u2r' else domains),
        baseline=row['baseline'] and f'{row["baseline"]}-{direction}',
    )


ENCODERS = {
    'convnext-s-s': 'ConvNeXt-S + S',
    'convnext-s-t': 'ConvNeXt-S + T',
    'convnext-t-t': 'ConvNeXt-T + T',
    'convnext-l-s': 'ConvNeXt-L + S',
    'swin-b-s': 'Swin-B + S',
    'swin-l-s': 'Swin-L + S',
    'mit-b5-b1': 'MiT-B5 + B1',
}
SOURCES = {
    'small': 'V1 Small',
    'base': 'V1 Base',
    'v2-small': 'V2 Small',
    'v2-base': 'V2 Base',
    'v2-large': 'V2 Large',
}
PARTS, MORE, CONTROL = 'contributions', 'choices', 'is it depth?'
# The released configs of Swin and MiT have these settings, unlike those of ConvNeXt.
RELEASED_RATES = {
    'optim_wrapper.optimizer.lr': 6e-5,
    'optim_wrapper.paramwise_cfg.decay_rate': 1.0,
    'train_dataloader.batch_size': 3,
}
rows = [
    row('rgb', 'RGB only', 'baselines/convnext-b_upernet', PARTS),
    ablation('wo-contrast-wo-refinement', '+ depth', PARTS),
    ablation('wo-refinement', '+ depth + contrast', PARTS),
    row(
        'contrast-alone-released',
        '+ depth + contrast, released weights',
        'depth_guided/ablations/wo-refinement',
        PARTS,
        options={'model.neck.scale_weights': [0.03, 0.03, 0.04, 0.04]},
        note='the released models with contrast alone have these weights; the others have 0.02, '
        '0.02, 0.03, 0.03',
    ),
    ablation('wo-contrast', '+ depth + refinement', PARTS),
    row('both', '+ depth + both', 'depth_guided/depth_guided_convnext-b-s', PARTS),
    ablation('fusion-gated', 'gated fusion', MORE),
    ablation('fusion-spatial-gated', 'gated fusion, released (one gate per position)', MORE),
    ablation('fusion-add', 'added fusion', MORE),
    ablation('pair-depth-rgb', 'cross-modal pairs', MORE),
    *(
        ablation(f'contrast-x{factor}', f'contrast × {factor}', MORE)
        for factor in ('0.5', '2', '3', '4', '5')
    ),
    *(ablation(name, title, 'encoders') for name, title in ENCODERS.items()),
    *(
        row(
            f'{name}-released-rates',
            f'{ENCODERS[name]}, released rates',
            f'depth_guided/ablations/{name}',
            'encoders',
            options=RELEASED_RATES,
            note='learning rate 6e-5 in all stages, batch size 3',
        )
        for name in ('swin-b-s', 'swin-l-s', 'mit-b5-b1')
    ),
    ablation('control-grey', 'second encoder fed the grey image', CONTROL),
    ablation('control-constant', 'second encoder fed a constant', CONTROL),
    ablation('control-other-tile', "second encoder fed another tile's depth", CONTROL),
    ablation('early-fusion', 'one encoder, stem of four channels', CONTROL),
    ablation('wo-optical', 'depth alone, no optical band', CONTROL),
    ablation('photometric', 'photometric augmentation', CONTROL),
    ablation('photometric-rgb', 'photometric augmentation, RGB only', CONTROL),
    *(
        ablation(f'depth-{name}', f'Depth Anything {title}', 'source of the depth maps')
        for name, title in SOURCES.items()
    ),
]
rows = [in_direction(row, direction) for direction in DIRECTIONS for row in rows]
