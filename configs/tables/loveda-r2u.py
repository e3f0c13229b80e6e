# LoveDA, Rural -> Urban: the table of "Exploiting Relative Depth for Cross-domain Semantic
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
    server,
)

title = 'LoveDA, Rural → Urban'
caption = CAPTION
seeds = (0, 1, 2)
columns = COLUMNS

rows = [
    adapted('transnorm', '38.37 5.04 3.75 80.83 14.19 33.99 17.91 27.73'),
    adapted('fada', '43.89 12.62 12.76 80.37 12.70 32.76 24.79 31.41'),
    adapted(
        'adaptsegnet',
        '42.35 23.73 15.61 81.95 13.62 28.70 22.05 32.68',
        note='a misprint in the paper: its classes average 32.57, but its mIoU is printed as 32.68',
    ),
    adapted('clan', '43.41 25.42 13.75 79.25 13.71 30.44 25.80 33.11'),
    server(
        'deeplabv3',
        'DeepLabV3',
        'baselines/deeplabv3_r50',
        '32.81 43.41 27.59 79.23 14.84 29.24 20.97 35.44',
        note=ASSUMED.format('ResNet-50'),
    ),
    adapted('pycda', '38.04 35.86 45.51 74.87 7.71 40.39 11.39 36.25'),
    adapted('iast', '48.57 31.51 28.73 86.01 20.29 31.77 36.50 40.48'),
    server(
        'segformer',
        'SegFormer',
        'baselines/segformer_mit-b5',
        '44.98 43.93 27.46 85.82 16.24 37.02 30.48 40.85',
        note=ASSUMED.format('MiT-B5'),
    ),
    adapted('cbst', '48.37 46.10 35.79 80.05 19.18 29.69 30.05 41.32'),
    adapted(
        'st-dasegnet-deeplabv3',
        '49.68 51.62 52.41 74.76 10.69 35.67 35.79 44.38',
    ),
    adapted('dca', '45.82 49.60 51.65 80.88 16.70 42.93 36.92 46.36'),
    adapted('daformer', '50.94 56.66 62.83 89.41 11.99 45.81 25.26 48.99'),
    adapted(
        'st-dasegnet-segformer',
        '51.01 54.23 60.52 87.31 15.18 47.23 36.26 50.28',
        note='a misprint in the paper: its classes average 50.25, but its mIoU is printed as 50.28',
    ),
    server(
        'convnext-b',
        'ConvNeXt-B, RGB only',
        'baselines/convnext-b_upernet',
        '46.77 46.52 37.27 82.30 17.33 42.34 36.27 44.11',
    ),
    server(
        'convnext-b-b',
        'ConvNeXt-B + B',
        'depthda/depthda_convnext-b-b',
        '48.23 52.68 42.70 77.18 16.62 40.85 48.86 46.73',
    ),
    server(
        'convnext-xl-b',
        'ConvNeXt-XL + B',
        'depthda/depthda_convnext-xl-b',
        '50.56 51.81 42.89 85.11 16.69 42.67 44.00 47.68',
    ),
    *not_in_the_paper((*IN_BOTH_TABLES, 'daformer')),
    *as_released(
        'b-b',
        'ConvNeXt-B + B',
        '40k',
        note='no released config has this pair of encoders; the recipe is that of ConvNeXt-B + S',
    ),
    *in_the_local_protocol('b-b', 'ConvNeXt-B + B'),
    # The model of depth-guided self-training; the paper has other encoders in this direction.
    server(
        'convnext-b-s',
        'ConvNeXt-B + S',
        'depthda/depthda_convnext-b-s',
        section='Not in the paper',
    ),
    dict(
        name='convnext-b-s-local',
        title='ConvNeXt-B + S',
        config='configs/depthda/depthda_convnext-b-s_1xb4-40k_loveda-DIRECTION-512x512.py',
    ),
]
rows = in_direction('r2u', rows)
