# DRDG, Tables I and II: Potsdam IRRG -> Vaihingen IRRG. A row trains a translation, translates
# Potsdam, trains DeepLabV3 on the result and tests it on the 25 areas of Vaihingen.
from _base_.translation import chain

title = 'DRDG, Tables I and II: Potsdam IRRG → Vaihingen'
caption = (
    'All figures are in %. The paper averages three seeds. Its F1 does not follow from its IoU as '
    '2·IoU/(1 + IoU), because its released code averages both over batches of 32. The last two '
    'columns are computed in this way. All other scores of this project come from one confusion '
    "matrix of all pixels; they are shown next to the paper's figures as printed."
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
columns += [
    dict(key='released/mIoU', title='mIoU (batches)'),
    dict(key='released/mF1', title='mF1 (batches)'),
]

SEGMENTATION = 'configs/drdg/deeplabv3_r34_{}potsdam2vaihingen-512x512.py'
ADAPTED = 'configs/adaptation/{}_potsdam2vaihingen-512x512.py'
# In a smoke run (--smoke) both stages use the synthetic dataset.
NETWORK = 'configs/sample/upernet_tiny_u2r.py'
TINY = {
    'cyclegan_resnet9': 'cyclegan_resnet-tiny',
    'rdg_cyclegan-losses': 'rdg_cyclegan-losses_tiny',
}


def figures(classes, means):
    """Return the printed scores for all columns; both pairs of mean columns get the same means."""
    printed = tuple(map(float, classes.split())) if classes else (None,) * 12
    mean_iou, mean_f1 = map(float, means.split())
    return (*printed, mean_iou, mean_f1, mean_iou, mean_f1)


def row(
    name,
    title,
    classes='',
    means='',
    config='',
    segmentation='',
    smoke=NETWORK,
    images='',
    **fields,
):
    """Return a row that translates; ``smoke`` is the segmentation of its smoke run.

    ``images`` is the part of the training dataset that reads the translated images.
    """
    tiny, images = TINY.get(config, 'drdg_tiny'), f'train_dataloader.dataset{images}'
    return dict(
        name=name,
        title=title,
        steps=chain(
            f'configs/drdg/{config or name}_potsdam2vaihingen.py',
            segmentation or SEGMENTATION.format(''),
            images=images,
        ),
        paper=figures(classes, means) if means else (),
        smoke=dict(
            steps=chain(f'configs/sample/{tiny}_u2r.py', smoke, data='{data}', images=images)
        ),
        **fields,
    )


NETWORKS = 'the text of the paper names DeepLabV3, and the caption of its Fig. 3 DeepLabV3+'
ONE, TWO = 'Table I', 'Table II: the two depth losses'
rows = [
    dict(
        name='baseline',
        title='Baseline (DeepLabV3)',
        config=SEGMENTATION.format('source-only_'),
        paper=figures(
            '2.65 4.41 43.82 60.56 12.99 22.47 49.89 66.35 24.92 39.59 57.10 72.38', '31.90 44.29'
        ),
        note=NETWORKS,
    ),
    row(
        'benjdira',
        "Benjdira's (CycleGAN)",
        '6.93 9.95 57.41 72.67 20.74 33.46 44.31 61.08 35.60 52.17 65.71 79.12',
        '38.45 51.41',
        config='cyclegan_resnet9',
        note='CycleGAN as published; the recipe of this row is not public',
    ),
    dict(
        name='adaptsegnet',
        title='AdaptSegNet',
        config=ADAPTED.format('adaptsegnet_r50_1xb8-10k'),
        paper=figures(
            '5.84 9.01 62.81 76.88 29.43 44.83 55.84 71.45 40.16 56.87 70.64 82.66', '44.12 56.95'
        ),
        note="the paper's network and recipe are not public; those of LoveDA's baselines are used",
    ),
    row(
        'mucss',
        'After MUCSS, from its abstract',
        '10.82 14.35 65.81 79.03 26.19 40.67 50.60 66.88 39.73 56.39 69.16 81.58',
        '43.72 56.48',
        config='rdg_wo-residual',
        segmentation=ADAPTED.format('mucss_r50_1xb8-10k'),
        smoke='configs/sample/mucss_upernet-tiny_u2r.py',
        images='.translated',
        note='only the abstract of MUCSS is public: weights, threshold, schedule and network are '
        "choices of this project, and so is the translation, which is RDG's without residual",
    ),
    row(
        'rdg',
        'RDG (ResiDualGAN)',
        '11.22 18.15 66.93 80.16 49.46 66.09 61.74 76.32 46.64 63.47 74.52 85.38',
        '51.75 64.93',
    ),
    row(
        'drdg',
        'DRDG',
        '8.49 14.23 68.74 81.45 57.54 72.97 62.91 77.21 44.22 61.22 77.67 87.41',
        '53.26 65.75',
    ),
]
rows = [{**entry, 'section': ONE} for entry in rows]
rows += [
    dict(name='rdg-2', title='RDG', same_as='rdg', paper=figures('', '51.75 64.93')),
    row(
        'wo-dsl',
        'DRDG without DSL',
        '',
        '50.33 63.39',
        config='ablations/drdg_wo-dsl',
    ),
    row(
        'wo-dccl',
        'DRDG without DCCL',
        '',
        '52.93 65.56',
        config='ablations/drdg_wo-dccl',
    ),
    dict(name='drdg-2', title='DRDG', same_as='drdg', paper=figures('', '53.26 65.75')),
]
rows = [{'section': TWO, **entry} for entry in rows]
rows += [
    {'section': 'What the paper leaves open', **entry}
    for entry in (
        row(
            'text-channels',
            'DRDG, channels of the text',
            config='ablations/drdg_text-channels',
            note='the text of the paper has the channels 64, 128, 256, 512, 512, 512; its released '
            'code has a seventh convolution of 512, as do the other rows',
        ),
        row(
            'deeplabv3plus',
            'DRDG, DeepLabV3+',
            config='drdg',
            segmentation='configs/drdg/deeplabv3plus_r34_potsdam2vaihingen-512x512.py',
            note=NETWORKS,
        ),
        *(
            row(
                f'{name}-as-released',
                f'{name.upper()}, as released',
                config=f'{name}_as-released',
                segmentation=SEGMENTATION.format('as-released_'),
            )
            for name in ('rdg', 'drdg')
        ),
    )
]
rows += [
    dict(name=name, title=title, config=config, section='Not in the paper')
    for name, title, config in (
        (
            'deeplabv2',
            'DeepLabV2, source only',
            'configs/baselines/deeplabv2_r50_1xb8-10k_potsdam2vaihingen-512x512.py',
        ),
        (
            'daformer-network',
            "DAFormer's network, source only",
            'configs/baselines/daformer_mit-b5_1xb2-40k_potsdam2vaihingen-512x512.py',
        ),
        ('daformer', 'DAFormer', ADAPTED.format('daformer_mit-b5_1xb2-40k')),
    )
]
rows.append(
    row(
        'cyclegan-losses',
        "CycleGAN's losses on RDG's networks",
        config='rdg_cyclegan-losses',
        section='Not in the paper',
    )
)
for name, model_title in (('depthda', 'DepthDA'), ('depth-guided', 'Depth-guided framework')):
    model, label = name.replace('-', '_'), f'{model_title} with the surface model'
    config = f'configs/{model}/{model}_convnext-b-s_1xb4-40k_potsdam2vaihingen{{}}-512x512.py'
    rows += [
        dict(
            name=name,
            title=f'{label}, source only',
            config=config.format(''),
            section='Not in the paper',
        ),
        row(
            f'{name}-drdg',
            f'{label}, on translations by DRDG',
            config='drdg',
            segmentation=config.format('-translated'),
            smoke=f'configs/sample/{model}_tiny_u2r.py',
            section='Not in the paper',
        ),
    ]
