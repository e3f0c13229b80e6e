# LoveDA's plain segmentation challenge: trained on the labelled images of both domains, tested on
# both test sets. Its figures are not those of the domain adaptation challenge (loveda-u2r.py).
title = 'LoveDA, segmentation challenge (Urban and Rural)'
caption = (
    'IoU in %, mean ± standard deviation over seeds, on both test sets together. A zip holds both: '
    'it goes to https://www.codabench.org/competitions/13030.'
)
seeds = (0, 1, 2)
protocol = 'server'
CLASSES = dict(
    background='Background',
    building='Building',
    road='Road',
    water='Water',
    barren='Barren',
    forest='Forest',
    agricultural='Agriculture',
)
columns = [dict(key=f'IoU.{key}', title=head) for key, head in CLASSES.items()]
columns += [dict(key='mIoU', title='mIoU')]

# The stand-in has one domain.
BOTH = {
    'train_dataloader.dataset.domain': ['Urban', 'Rural'],
    'test_dataloader.dataset.domain': ['Urban', 'Rural'],
}


def row(name, title, config, tiny):
    return dict(
        name=name,
        title=title,
        config=f'configs/{config}_1xb4-40k_loveda-seg-server-512x512.py',
        smoke=dict(config=f'configs/sample/{tiny}_u2r-server.py', options=BOTH, against='{data}'),
    )


rows = [
    row('convnext-b', 'ConvNeXt-B, RGB only', 'baselines/convnext-b_upernet', 'upernet_tiny'),
    row('convnext-b-s', 'ConvNeXt-B + S', 'depthda/depthda_convnext-b-s', 'depthda_tiny'),
    row(
        'guided-convnext-b-s',
        'Depth-guided framework, ConvNeXt-B + S',
        'depth_guided/depth_guided_convnext-b-s',
        'depth_guided_tiny',
    ),
]
