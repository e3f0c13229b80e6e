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

NO_METHOD = 'method not in this project'


def figures(text):
    return tuple(map(float, text.split()))


def absent(name, title, why, paper):
    return dict(name=name, title=title, absent=why, paper=figures(paper))


def depthseg(encoder, batch, paper):
    return dict(
        name=f'depthseg-{encoder}',
        title=f'DepthSeg ViT-{encoder.upper()}',
        config=f'configs/depthseg/depthseg_dinov2-{encoder}_1xb{batch}-50e_liuzhou-512x512.py',
        paper=figures(paper),
    )


rows = [
    dict(
        name='deeplabv3',
        title='DeepLabV3',
        config='configs/baselines/deeplabv3_r50_1xb8-50e_liuzhou-512x512.py',
        paper=figures('57.49 54.64 54.96 42.97 79.95 72.33'),
        note='the paper states neither backbone nor recipe; ResNet-50 and mmseg’s SGD are assumed',
    ),
    absent('st-unet', 'ST-UNet', NO_METHOD, '69.97 63.89 63.52 50.57 81.36 74.55'),
    absent('ctcfnet', 'CTCFNet', NO_METHOD, '70.64 72.25 71.12 58.19 86.37 81.31'),
    depthseg('s', 8, '79.79 80.78 80.17 68.99 90.21 86.54'),
    depthseg('b', 4, '81.27 80.68 80.85 69.79 90.67 87.13'),
    depthseg('l', 2, '81.78 81.22 81.42 70.52 91.05 87.65'),
]
