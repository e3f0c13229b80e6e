"""Parts of the LoveDA tables of both directions: columns, and rows that are not in the paper."""

from _base_.classes import class_columns

CAPTION = (
    'IoU in %, mean ± standard deviation over seeds. AT: adversarial training, ST: self-training, '
    'both with unlabelled target images. The other methods see only the source.'
)
COLUMNS = [*class_columns(agricultural='Agriculture'), dict(key='mIoU', title='mIoU')]

ASSUMED = 'the paper does not state the backbone of this row: {} is assumed here'
GUIDED = 'Depth-guided framework'


def server(name, title, config, paper='', batch=4, length='40k', **fields):
    """Return a row of the server protocol, with the scores of the paper."""
    return dict(
        name=name,
        title=title,
        protocol='server',
        config=f'configs/{config}_1xb{batch}-{length}_loveda-DIRECTION-server-512x512.py',
        paper=_figures(paper),
        **fields,
    )


def released(name, title, config, **fields):
    """Return a row of the authors' own recipe."""
    return dict(
        name=f'{name}-as-released',
        title=f'{title}, as released',
        section="The authors' own recipe: checkpoint chosen on labelled target images",
        protocol='server',
        config=f'configs/{config}_loveda-DIRECTION-as-released-1024x1024.py',
        **fields,
    )


def in_direction(direction, rows):
    """Return the rows with the configs of one direction, ``'u2r'`` or ``'r2u'``."""
    return [
        row | dict(config=row['config'].replace('DIRECTION', direction)) if 'config' in row else row
        for row in rows
    ]


# Rows that both directions have: name, title, config, batch size.
RGB_ONLY = [
    ('deeplabv3', 'DeepLabV3', 'baselines/deeplabv3_r50', 4),
    ('segformer', 'SegFormer', 'baselines/segformer_mit-b5', 4),
    ('convnext-b', 'ConvNeXt-B, RGB only', 'baselines/convnext-b_upernet', 4),
]
NOT_IN_THE_PAPER = [
    ('convnext-xl', 'ConvNeXt-XL, RGB only', 'baselines/convnext-xl_upernet', 4),
    (
        'guided-convnext-b-s',
        f'{GUIDED}, ConvNeXt-B + S',
        'depth_guided/depth_guided_convnext-b-s',
        4,
    ),
    (
        'guided-convnext-xl-b',
        f'{GUIDED}, ConvNeXt-XL + B',
        'depth_guided/depth_guided_convnext-xl-b',
        4,
    ),
    ('depthseg-s', 'DepthSeg ViT-S, no depth at test', 'depthseg/depthseg_dinov2-s', 8),
]
# Methods that adapt: name, title, config, batch size, length. SOURCE_ONLY has the models that they
# are built on, without adaptation, unless another list has them.
_OURS = 'adaptation/depth-guided-self-training'
ADAPTED = [
    ('adaptsegnet', 'AdaptSegNet (AT)', 'adaptation/adaptsegnet_r50', 8, '10k'),
    ('cbst', 'CBST (ST)', 'adaptation/cbst_r50', 8, '10k'),
    ('transnorm', 'TransNorm (AT)', 'adaptation/transnorm_r50', 8, '10k'),
    ('clan', 'CLAN (AT)', 'adaptation/clan_r50', 8, '10k'),
    ('fada', 'FADA (AT)', 'adaptation/fada_r50', 8, '10k'),
    (
        'fada-released-weights',
        "FADA (AT), with the weights of LoveDA's baselines",
        'adaptation/fada-released-weights_r50',
        8,
        '10k',
    ),
    ('iast', 'IAST (ST)', 'adaptation/iast_r50', 8, '10k'),
    ('pycda', 'PyCDA (ST)', 'adaptation/pycda_r50', 8, '10k'),
    ('dca', 'DCA (ST)', 'adaptation/dca_r50', 8, '10k'),
    (
        'st-dasegnet-deeplabv3',
        'ST-DASegNet (DeepLabV3; AT+ST)',
        'adaptation/st-dasegnet_r50',
        2,
        '40k',
    ),
    (
        'st-dasegnet-segformer',
        'ST-DASegNet (SegFormer; AT+ST)',
        'adaptation/st-dasegnet_mit-b5',
        2,
        '40k',
    ),
    ('daformer', 'DAFormer (ST)', 'adaptation/daformer_mit-b5', 2, '40k'),
    ('mic', 'MIC (ST)', 'adaptation/mic_mit-b5', 2, '40k'),
    ('ours-b-s', 'Depth-guided self-training, ConvNeXt-B + S', f'{_OURS}_convnext-b-s', 4, '40k'),
    ('ours-b5-b1', 'Depth-guided self-training, MiT-B5 + B1', f'{_OURS}_mit-b5-b1', 2, '40k'),
]
IN_BOTH_TABLES = tuple(
    name
    for name, *_ in ADAPTED
    if name not in ('daformer', 'mic', 'fada-released-weights') and 'ours' not in name
)
SOURCE_ONLY = [
    ('deeplabv2', 'DeepLabV2, source only', 'baselines/deeplabv2_r50', 8, '10k'),
    ('pspnet', 'PSPNet, source only', 'baselines/pspnet_r50', 8, '10k'),
    ('daformer-network', "DAFormer's network, source only", 'baselines/daformer_mit-b5', 2, '40k'),
    ('mit-b5-b1', 'MiT-B5 + B1, source only', 'depthda/daformer_mit-b5-b1', 2, '40k'),
]


def adapted(name, paper, note=''):
    """Return the row of a method that adapts, with the scores of the paper."""
    *what, batch, length = next(entry for entry in ADAPTED if entry[0] == name)
    return server(*what, paper, batch, length, note=note)


def printed_again(name, title, same_as, paper, note):
    """Return a second printed row of a method, with the runs of the first."""
    given = dict(name=name, title=title, same_as=same_as, note=note)
    return dict(protocol='server', paper=_figures(paper), **given)


def not_in_the_paper(in_the_paper):
    """Return further rows of the server protocol, except the methods named ``in_the_paper``."""
    rows = [(*row, '40k') for row in NOT_IN_THE_PAPER]
    rows += [row for row in ADAPTED if row[0] not in in_the_paper] + SOURCE_ONLY
    return [
        server(*what, '', batch, length, section='Not in the paper')
        for *what, batch, length in rows
    ]


def as_released(small, small_title, length, note=''):
    """Return rows of the authors' own recipes.

    Args:
        small, small_title: Encoders of the small DepthDA (``'b-s'``) and its title.
        length: Number of iterations of the depth-guided framework with ConvNeXt-B + S (``'80k'``).
        note: Footnote of the small DepthDA.
    """
    rows = [
        released('convnext-b', 'ConvNeXt-B, RGB only', 'baselines/convnext-b_upernet_1xb4-80k'),
        released(
            f'convnext-{small}',
            small_title,
            f'depthda/depthda_convnext-{small}_1xb4-40k',
            note=note,
        ),
        released('convnext-xl-b', 'ConvNeXt-XL + B', 'depthda/depthda_convnext-xl-b_1xb12-80k'),
    ]
    for name, title, model in (
        ('contrast', 'RGB + depth, contrast', 'contrast'),
        ('guided-convnext', GUIDED, 'depth_guided'),
    ):
        rows += [
            released(
                f'{name}-{encoders}',
                f'{title}, ConvNeXt-{encoders.upper().replace("-", " + ")}',
                f'depth_guided/{model}_convnext-{encoders}_{recipe}',
            )
            for encoders, recipe in (('b-s', f'1xb4-{length}'), ('xl-b', '1xb3-80k'))
        ]
    return rows


def in_the_local_protocol(small, small_title):
    """Return rows of all models in the local protocol; ``small`` as in :func:`as_released`."""
    depthda = [
        (f'convnext-{small}', small_title, f'depthda/depthda_convnext-{small}', 4),
        ('convnext-xl-b', 'ConvNeXt-XL + B', 'depthda/depthda_convnext-xl-b', 4),
    ]
    rows = [*RGB_ONLY, NOT_IN_THE_PAPER[0], *depthda, *NOT_IN_THE_PAPER[1:]]
    rows = [(*row, '40k') for row in rows] + SOURCE_ONLY + ADAPTED
    return [
        dict(
            name=f'{name}-local',
            title=title,
            config=f'configs/{config}_1xb{batch}-{length}_loveda-DIRECTION-512x512.py',
        )
        for name, title, config, batch, length in rows
    ]


def _figures(text):
    return tuple(float(word) for word in text.split())
