# LoveDA's segmentation challenge, without domain adaptation: train on the labelled images of both
# domains, test on both test splits. Do not compare its scores with those of the domain adaptation
# challenge (loveda-u2r.py).
from _base_.loveda import COLUMNS, GUIDED

title = 'LoveDA, segmentation challenge (Urban and Rural)'
caption = (
    'IoU in %, mean ± standard deviation over seeds, on both test sets together. A zip contains '
    'the predictions of both; upload it at https://www.codabench.org/competitions/13030.'
)
seeds = (0, 1, 2)
protocol = 'server'
columns = COLUMNS
rows = [
    dict(
        name=name,
        title=title,
        config=f'configs/{config}_1xb4-40k_loveda-seg-server-512x512.py',
    )
    for name, title, config in (
        ('convnext-b', 'ConvNeXt-B, RGB only', 'baselines/convnext-b_upernet'),
        ('convnext-b-s', 'ConvNeXt-B + S', 'depthda/depthda_convnext-b-s'),
        (
            'guided-convnext-b-s',
            f'{GUIDED}, ConvNeXt-B + S',
            'depth_guided/depth_guided_convnext-b-s',
        ),
    )
]
