# DRDG, Table I: Potsdam IRRG -> Vaihingen IRRG.
title = 'DRDG, Table I: Potsdam IRRG → Vaihingen'
caption = (
    'All figures in %. The paper averages three seeds; its F1 does not follow from its IoU as '
    '2·IoU/(1 + IoU), for its released code averages both over batches. Here they come from one '
    'confusion matrix of all pixels.'
)
seeds = (0, 1, 2)
CLASSES = dict(
    clutter='Clutter',
    impervious_surface='Impervious',
    car='Car',
    tree='Tree',
    low_vegetation='Low vegetation',
    building='Building',
)
columns = [
    dict(key=f'{score}.{key}', title=f'{head} {score}')
    for key, head in CLASSES.items()
    for score in ('IoU', 'F1')
]
columns += [dict(key='mIoU', title='mIoU'), dict(key='mF1', title='mF1')]

NO_METHOD = 'method not in this project'
NO_DATA = 'the ISPRS tiles are not in this project yet'
NO_DRDG = 'DRDG is not in this project yet'


def absent(name, title, why, classes, means, note=''):
    paper = tuple(map(float, f'{classes} {means}'.split()))
    return dict(name=name, title=title, absent=why, paper=paper, note=note)


rows = [
    absent(
        'baseline',
        'Baseline (DeepLabV3)',
        NO_DATA,
        '2.65 4.41 43.82 60.56 12.99 22.47 49.89 66.35 24.92 39.59 57.10 72.38',
        '31.90 44.29',
        note='DeepLabV3 in the text of the paper, DeepLabV3+ in the caption of its Fig. 3',
    ),
    absent(
        'benjdira',
        "Benjdira's (CycleGAN)",
        NO_METHOD,
        '6.93 9.95 57.41 72.67 20.74 33.46 44.31 61.08 35.60 52.17 65.71 79.12',
        '38.45 51.41',
    ),
    absent(
        'adaptsegnet',
        'AdaptSegNet',
        NO_METHOD,
        '5.84 9.01 62.81 76.88 29.43 44.83 55.84 71.45 40.16 56.87 70.64 82.66',
        '44.12 56.95',
    ),
    absent(
        'mucss',
        'MUCSS',
        NO_METHOD,
        '10.82 14.35 65.81 79.03 26.19 40.67 50.60 66.88 39.73 56.39 69.16 81.58',
        '43.72 56.48',
    ),
    absent(
        'rdg',
        'RDG (ResiDualGAN)',
        NO_DRDG,
        '11.22 18.15 66.93 80.16 49.46 66.09 61.74 76.32 46.64 63.47 74.52 85.38',
        '51.75 64.93',
    ),
    absent(
        'drdg',
        'DRDG',
        NO_DRDG,
        '8.49 14.23 68.74 81.45 57.54 72.97 62.91 77.21 44.22 61.22 77.67 87.41',
        '53.26 65.75',
    ),
]
