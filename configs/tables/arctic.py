# Train on one season and test on another, like the depth-guided framework on Arctic scenes. These
# scenes are not public: to run their rows, put the scenes into data/arctic. The other rows run on
# any computer. They use two seasons of the synthetic dataset, which differ in colours, light, air
# and sensor, with the same preparation and dataset class.
title = 'From season to season'
caption = (
    'All figures in %, mean ± standard deviation; gain: over the RGB-only model of the same data '
    'and seed, with its 95 % interval over worlds (synthetic) or seeds. The synthetic rows are a '
    'check of mechanisms, not evidence about the Arctic.'
)
worlds = (1, 2, 3)
seeds = (0, 1, 2)
columns = [
    dict(key='mIoU', title='mIoU'),
    dict(key='mIoU', title='gain', gain=True),
    dict(key='mF1', title='mF1'),
    dict(key='OA', title='OA'),
]

MODELS = {
    'rgb': ('RGB only', 'upernet_tiny', 'baselines/convnext-b_upernet'),
    'dual': ('RGB + depth', 'depthda_tiny', 'depthda/depthda_convnext-b-s'),
    'guided': (
        'RGB + depth, contrast and refinement',
        'depth_guided_tiny',
        'depth_guided/depth_guided_convnext-b-s',
    ),
}
# The domains of the synthetic dataset differ only in appearance: Urban has the colours of summer,
# Rural those of autumn.
SEASONS = {'summer': 'Urban', 'autumn': 'Rural'}


def prepared(season, split):
    """Return a step that prepares a split of the synthetic dataset as one season."""
    folder = '{data}/' + f'{split}/{SEASONS[season]}'
    lists = ('--split', 'train=0.8', 'val=0.2') if split == 'Train' else ()
    return dict(
        tool=[
            *('tools/prepare_dataset.py', 'arctic', '--season', season, *lists),
            *('--images', f'{folder}/images_png', '--labels', f'{folder}/masks_png'),
            *('--depth', f'{folder}/rdepth/synthetic', '--classes', 'configs/sample/classes.txt'),
            *('--out', '{run}/seasons/' + season),
        ]
    )


def steps(tiny, source, target):
    config = f'configs/sample/{tiny}_summer2autumn.py'
    roots = dict.fromkeys(
        ('train_dataloader.dataset.data_root', 'val_dataloader.dataset.data_root'),
        '{run}/seasons/' + source,
    )
    roots['test_dataloader.dataset.data_root'] = '{run}/seasons/' + target
    return [
        prepared(source, 'Train'),
        prepared(target, 'Test'),
        dict(train=config, options=roots),
        dict(test=config, checkpoint='last', options=roots),
    ]


def synthetic(name, title, tiny, source, target):
    return dict(
        name=f'{name}-{source}2{target}',
        title=title,
        section=f'synthetic, {source} → {target}',
        steps=steps(tiny, source, target),
        sample=dict(train=100, test=20, size=256, gap=('appearance',)),
        baseline='' if name == 'rgb' else f'rgb-{source}2{target}',
    )


def arctic(name, title, tiny, config, source, target):
    roots = dict.fromkeys(
        ('train_dataloader.dataset.data_root', 'val_dataloader.dataset.data_root'),
        f'data/arctic/{source}',
    )
    return dict(
        name=f'arctic-{name}-{source}2{target}',
        title=title,
        section=f'Arctic (not public), {source} → {target}',
        config=f'configs/{config}_1xb4-40k_arctic-summer2winter-512x512.py',
        options=roots | {'test_dataloader.dataset.data_root': f'data/arctic/{target}'},
        baseline='' if name == 'rgb' else f'arctic-rgb-{source}2{target}',
    )


rows = [
    synthetic(name, title, tiny, *pair)
    for pair in (('summer', 'autumn'), ('autumn', 'summer'))
    for name, (title, tiny, _) in MODELS.items()
]
rows += [
    arctic(name, title, tiny, config, *pair)
    for pair in (('summer', 'winter'), ('winter', 'summer'))
    for name, (title, tiny, config) in MODELS.items()
]
