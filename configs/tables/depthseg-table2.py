# DepthSeg, Table II: what the adapter and the depth prompter each add, for three encoders.
title = 'DepthSeg, Table II: ablation on LiuZhou'
caption = 'All figures are in %. Gain: over the same encoder with neither adapter nor prompter.'
METRICS = ('mF1', 'mIoU', 'OA', 'Kappa')
columns = [dict(key=key, title=key) for key in METRICS]
columns += [dict(key=key, title=f'gain in {key}', gain=True) for key in METRICS]

MODULES = {
    'neither': 'neither',
    'adapter': 'adapter alone',
    'prompter': 'depth prompter alone',
    'both': 'adapter and depth prompter',
}
# As printed in the paper: four scores, then their gains, which the paper prints in brackets.
PAPER = {
    's': dict(
        neither='78.69 67.07 89.47 85.52',
        adapter='78.86 67.34 89.65 85.77 0.17 0.27 0.18 0.25',
        prompter='80.21 68.96 90.17 86.46 1.52 1.89 0.70 0.94',
        both='80.17 68.99 90.21 86.54 1.48 1.92 0.74 1.02',
    ),
    'b': dict(
        neither='79.66 68.23 90.03 86.26',
        adapter='79.51 68.13 90.18 86.48 -0.15 -0.10 0.15 0.22',
        prompter='80.49 69.31 90.40 86.79 0.83 1.08 0.37 0.53',
        both='80.85 69.79 90.67 87.13 1.19 1.56 0.64 0.87',
    ),
    'l': dict(
        neither='78.85 67.12 89.41 85.45',
        adapter='79.07 67.51 89.67 85.81 0.22 0.39 0.26 0.36',
        prompter='81.21 70.24 90.85 87.36 2.36 3.12 1.44 1.91',
        both='81.42 70.52 91.05 87.65 2.57 3.40 1.64 2.20',
    ),
}
BATCH = {'s': 8, 'b': 4, 'l': 2}
ABLATION = {'neither': 'wo-both', 'adapter': 'wo-prompter', 'prompter': 'wo-adapter'}
NO_ADAPTER = {'model.adapter': None}
NO_PROMPTER = {
    'model.depth_decoder': None,
    'model.prompter': None,
    'model.loss_depth': None,
    'model.decode_head.prompt_channels': 0,
}
WITHOUT = {
    'neither': NO_ADAPTER | NO_PROMPTER,
    'adapter': NO_PROMPTER,
    'prompter': NO_ADAPTER,
    'both': {},
}


def row(encoder, modules, paper):
    printed = [float(word) for word in paper.split()]
    model = 'depthseg' if modules == 'both' else f'ablations/{ABLATION[modules]}'
    return dict(
        name=f'{encoder}-{modules}',
        title=MODULES[modules],
        section=f'ViT-{encoder.upper()}',
        config=f'configs/depthseg/{model}_dinov2-{encoder}_1xb{BATCH[encoder]}-50e_'
        'liuzhou-512x512.py',
        smoke=dict(options=WITHOUT[modules]),
        baseline='' if modules == 'neither' else f'{encoder}-neither',
        paper=(*printed, *[None] * (len(columns) - len(printed))),
    )


rows = [
    row(encoder, modules, paper)
    for encoder, lines in PAPER.items()
    for modules, paper in lines.items()
]
