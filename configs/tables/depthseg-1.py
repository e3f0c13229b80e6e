# DepthSeg, Table I: accuracy on the LiuZhou data set.
title = 'DepthSeg, Table I: LiuZhou'
caption = "All figures in %. Here, Kappa is Cohen's; the formula that the paper prints is another."
columns = [
    dict(key='mPrecision', title='mPre'),
    dict(key='mRecall', title='mRecall'),
    dict(key='mF1', title='mF1'),
    dict(key='mIoU', title='mIoU'),
    dict(key='OA', title='OA'),
    dict(key='Kappa', title='Kappa'),
]

NO_DATA = 'LiuZhou tiles are not public'
NO_METHOD = 'method not in this project'
NO_DEPTHSEG = f'DepthSeg is not in this project yet; {NO_DATA}'


def absent(name, title, why, paper):
    return dict(name=name, title=title, absent=why, paper=tuple(map(float, paper.split())))


rows = [
    absent('deeplabv3', 'DeepLabV3', NO_DATA, '57.49 54.64 54.96 42.97 79.95 72.33'),
    absent('st-unet', 'ST-UNet', NO_METHOD, '69.97 63.89 63.52 50.57 81.36 74.55'),
    absent('ctcfnet', 'CTCFNet', NO_METHOD, '70.64 72.25 71.12 58.19 86.37 81.31'),
    absent('depthseg-s', 'DepthSeg ViT-S', NO_DEPTHSEG, '79.79 80.78 80.17 68.99 90.21 86.54'),
    absent('depthseg-b', 'DepthSeg ViT-B', NO_DEPTHSEG, '81.27 80.68 80.85 69.79 90.67 87.13'),
    absent('depthseg-l', 'DepthSeg ViT-L', NO_DEPTHSEG, '81.78 81.22 81.42 70.52 91.05 87.65'),
]
