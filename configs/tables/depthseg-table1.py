# DepthSeg, Table I: scores on the LiuZhou dataset. Its tiles are not public; data/README.md shows
# where to put them.
title = 'DepthSeg, Table I: LiuZhou'
caption = "All figures are in %. Kappa is Cohen's; the paper prints a different formula."
columns = [
    dict(key='mPrecision', title='mPre'),
    dict(key='mRecall', title='mRecall'),
    dict(key='mF1', title='mF1'),
    dict(key='mIoU', title='mIoU'),
    dict(key='OA', title='OA'),
    dict(key='Kappa', title='Kappa'),
]

AUTHORS = 'the paper used the authors’ code; docs/differences.md lists the differences'


def figures(text):
    return tuple(map(float, text.split()))


def baseline(name, title, config, paper, note):
    config = f'configs/baselines/{config}_liuzhou-512x512.py'
    return dict(name=name, title=title, config=config, paper=figures(paper), note=note)


def depthseg(encoder, batch, paper):
    return dict(
        name=f'depthseg-{encoder}',
        title=f'DepthSeg ViT-{encoder.upper()}',
        config=f'configs/depthseg/depthseg_dinov2-{encoder}_1xb{batch}-50e_liuzhou-512x512.py',
        paper=figures(paper),
    )


rows = [
    baseline(
        'deeplabv3',
        'DeepLabV3',
        'deeplabv3_r50_1xb8-50e',
        '57.49 54.64 54.96 42.97 79.95 72.33',
        'the paper states neither backbone nor recipe: ResNet-50 and mmseg’s SGD are assumed',
    ),
    baseline(
        'st-unet',
        'ST-UNet',
        'st-unet_1xb8-100e',
        '69.97 63.89 63.52 50.57 81.36 74.55',
        AUTHORS,
    ),
    baseline(
        'ctcfnet',
        'CTCFNet',
        'ctcfnet_1xb8-200e',
        '70.64 72.25 71.12 58.19 86.37 81.31',
        AUTHORS,
    ),
    depthseg('s', 8, '79.79 80.78 80.17 68.99 90.21 86.54'),
    depthseg('b', 4, '81.27 80.68 80.85 69.79 90.67 87.13'),
    depthseg('l', 2, '81.78 81.22 81.42 70.52 91.05 87.65'),
]
