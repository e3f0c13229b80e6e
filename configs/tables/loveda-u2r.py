# LoveDA, Urban -> Rural: the table of "Exploiting Relative Depth for Cross-domain Semantic
# Segmentation of High-resolution Satellite Remote Sensing Images", row by row. Further rows have
# other methods, the authors' own recipe, and the local protocol, which needs no server.
from _base_.loveda import (
    ASSUMED,
    CAPTION,
    COLUMNS,
    IN_BOTH_TABLES,
    adapted,
    as_released,
    in_direction,
    in_the_local_protocol,
    not_in_the_paper,
    printed_again,
    server,
)

title = 'LoveDA, Urban → Rural'
caption = CAPTION
seeds = (0, 1, 2)
columns = COLUMNS

TWICE = 'the paper prints two rows of this name with different figures'
rows = [
    adapted('transnorm', '19.39 36.30 22.04 36.68 14.00 40.62 3.30 24.62'),
    adapted('fada', '24.39 32.97 25.61 47.59 15.34 34.35 20.29 28.65'),
    adapted('clan', '22.93 44.78 25.99 46.81 10.54 37.21 24.45 30.39'),
    adapted(
        'pycda',
        '12.36 38.11 20.45 57.16 18.32 41.90 32.14 32.14',
        note='a misprint in the paper: its classes average 31.49, but its mIoU is printed as 32.14',
    ),
    adapted('adaptsegnet', '26.89 40.53 30.65 50.09 16.97 32.51 28.25 32.27'),
    server(
        'deeplabv3',
        'DeepLabV3',
        'baselines/deeplabv3_r50',
        '26.64 48.14 23.37 43.97 11.35 32.47 50.61 33.79',
        note=ASSUMED.format('ResNet-50'),
    ),
    adapted('cbst', '25.06 44.02 23.79 50.48 8.33 39.16 49.65 34.36'),
    adapted('iast', '29.97 49.48 28.29 64.49 2.13 33.36 61.37 38.44'),
    server(
        'segformer',
        'SegFormer',
        'baselines/segformer_mit-b5',
        '26.60 55.80 35.62 65.44 17.13 40.13 39.65 40.05',
        note=ASSUMED.format('MiT-B5'),
    ),
    adapted('dca', '36.38 55.89 40.46 62.03 22.01 38.92 60.52 45.17'),
    adapted(
        'st-dasegnet-deeplabv3',
        '36.78 59.83 39.69 69.28 14.19 44.79 62.16 45.69',
        note='a misprint in the paper: its classes average 46.67, but its mIoU is printed as 45.69',
    ),
    adapted(
        'st-dasegnet-segformer',
        '37.39 52.84 41.99 72.05 11.46 46.79 61.27 46.25',
        note=TWICE,
    ),
    printed_again(
        'st-dasegnet-segformer-2',
        'ST-DASegNet (SegFormer; AT+ST), second',
        'st-dasegnet-segformer',
        '36.78 59.83 43.77 73.83 19.38 49.96 67.01 50.08',
        note=f'{TWICE}; here, background and building equal those of ST-DASegNet (DeepLabV3)',
    ),
    server(
        'convnext-b',
        'ConvNeXt-B, RGB only',
        'baselines/convnext-b_upernet',
        '35.51 56.14 40.88 70.05 13.99 48.42 64.91 47.13',
    ),
    server(
        'convnext-b-s',
        'ConvNeXt-B + S',
        'depthda/depthda_convnext-b-s',
        '36.79 59.27 46.97 71.31 19.87 41.62 67.05 48.98',
    ),
    server(
        'convnext-xl-b',
        'ConvNeXt-XL + B',
        'depthda/depthda_convnext-xl-b',
        '37.23 63.05 42.69 71.71 19.91 45.03 68.36 49.71',
    ),
    *not_in_the_paper(IN_BOTH_TABLES),
    server(
        'tricks',
        'ConvNeXt-XL + B, "augmentation tricks" (a guess)',
        'depthda/depthda_convnext-xl-b-tricks',
        section='Not in the paper',
        tta=True,
        note='the authors report 50.47 mIoU with "augmentation tricks", but name neither the '
        'tricks nor the encoders; photometric augmentation, flips and XL + B are a guess',
    ),
    *as_released('b-s', 'ConvNeXt-B + S', '80k'),
    *in_the_local_protocol('b-s', 'ConvNeXt-B + S'),
]
rows = in_direction('u2r', rows)
