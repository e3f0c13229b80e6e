# DepthSeg's ablation (its Table II) on the synthetic worlds, across domains: what the adapter and
# the depth prompter each add. A check of mechanisms: the encoder has random weights, not DINOv2's.
title = 'DepthSeg on the synthetic worlds'
caption = (
    'mIoU in %, mean ± standard deviation over worlds and seeds; gain: over the model with neither '
    'of the same world and seed, with its 95 % interval over worlds. Frozen encoder of random '
    'weights; no model reads depth at test. A check of mechanisms on synthetic images.'
)
worlds = (1, 2, 3)
seeds = (0, 1, 2)
sample = dict(train=100, test=20, size=256)
columns = [
    dict(key='{target}/mIoU', title='target'),
    dict(key='{target}/mIoU', title='gain', gain=True),
    dict(key='{source}/mIoU', title='source'),
]

NO_ADAPTER = {'model.adapter': None}
NO_PROMPTER = {
    'model.depth_decoder': None,
    'model.prompter': None,
    'model.loss_depth': None,
    'model.decode_head.prompt_channels': 0,
}
MODELS = {
    'neither': ('neither', NO_ADAPTER | NO_PROMPTER),
    'adapter': ('adapter alone', NO_PROMPTER),
    'prompter': ('depth prompter alone', NO_ADAPTER),
    'both': ('adapter and depth prompter', {}),
}
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}


def row(name, title, options, direction):
    source, target = DIRECTIONS[direction]
    config = f'configs/sample/depthseg_tiny_{direction}.py'
    both_domains = {
        'test_dataloader.dataset.domain': [target, source],
        '+test_evaluator.headline': target,
    }
    return dict(
        name=f'{name}-{direction}',
        title=title,
        section=f'{source} → {target}',
        config=config,
        options=options | {'default_hooks.checkpoint.interval': 300},
        checkpoint='last',  # no label chooses it
        test_options=both_domains,
        source=source,
        target=target,
        baseline='' if name == 'neither' else f'neither-{direction}',
        smoke=dict(config=config, options=options, test_options=both_domains),
    )


rows = [
    row(name, title, options, direction)
    for direction in DIRECTIONS
    for name, (title, options) in MODELS.items()
]
