"""Parts of the tables on the synthetic worlds."""

# World 0 is left out, because the default fidelity of the depth was chosen by scores on it.
WORLDS = (1, 2, 3)
SEEDS = (0, 1, 2)
SAMPLE = dict(train=100, test=20, size=256)
DIRECTIONS = {'u2r': ('Urban', 'Rural'), 'r2u': ('Rural', 'Urban')}
# The gain over the baseline of a row has a column of its own.
ON_THE_TARGET = [
    dict(key='{target}/mIoU', title='mIoU'),
    dict(key='{target}/mIoU', title='gain', gain=True),
]
ON_BOTH_DOMAINS = [
    dict(key='{target}/mIoU', title='target'),
    dict(key='{target}/mIoU', title='gain', gain=True),
    dict(key='{source}/mIoU', title='source'),
]


def both_domains(direction):
    """Return overrides for a test on both domains; scores without a prefix are of the target."""
    source, target = DIRECTIONS[direction]
    return {'test_dataloader.dataset.domain': [target, source], '+test_evaluator.headline': target}


def row(name, title, model, direction, part='', options=None, **rest):
    """Return a row of a model in ``configs/sample``, trained in one direction."""
    source, target = DIRECTIONS[direction]
    return dict(
        name=f'{name}-{direction}',
        title=title,
        section=f'{source} → {target}{part}',
        config=f'configs/sample/{model}_{direction}.py',
        options={'default_hooks.checkpoint.interval': 300} | (options or {}),
        checkpoint='last',  # so that no label selects the checkpoint
        test_options=both_domains(direction),
        source=source,
        target=target,
        **rest,
    )
