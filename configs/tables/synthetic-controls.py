# Controls that test what causes a gain from depth on the synthetic worlds: a check of mechanisms,
# not evidence about LoveDA. docs/synthetic-benchmark.md explains each row.
from _base_.synthetic import DIRECTIONS, ON_BOTH_DOMAINS, SAMPLE, SEEDS, WORLDS, row

title = 'Controls of the synthetic benchmark'
caption = (
    'mIoU in %, mean ± standard deviation over worlds and seeds; gain: over the RGB-only model of '
    'the same world and seed, with its 95 % interval over worlds. A check of mechanisms on '
    'synthetic images, not evidence about real ones.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

OPPOSITE = {'u2r': 'r2u', 'r2u': 'u2r'}
CONTROLS = {
    'grey': 'RGB + grey image',
    'constant': 'RGB + constant',
    'other-tile': "RGB + another tile's depth",
}
FIDELITIES = (0.0, 0.35, 1.0)
DEFAULT = 0.7  # fidelity of the depth of the default world
GAPS = ('layout', 'geometry', 'resolution', 'appearance', 'depth')
LOAD_DEPTH = {'train': 2, 'val': 1, 'test': 1}  # index of the step in each pipeline


def instead_of_depth(by):
    """Return overrides that replace depth by something else, in training and in the tests."""
    options = {}
    for loader, place in LOAD_DEPTH.items():
        step = f'{loader}_dataloader.dataset.pipeline.{place}'
        options |= {f'{step}.type': 'LoadControlDepth', f'+{step}.by': by}
    return options


def rgb(name, direction, title='RGB only', **rest):
    return row(name, title, 'upernet_tiny', direction, **rest)


def dual(name, direction, title='RGB + depth', **rest):
    return row(name, title, 'depthda_tiny', direction, **rest)


rows = []
for direction, (source, target) in DIRECTIONS.items():
    base = f'rgb-{direction}'
    rows += [
        rgb('rgb', direction),
        dual('dual', direction, baseline=base),
        *(
            dual(by, direction, title, options=instead_of_depth(by), baseline=base)
            for by, title in CONTROLS.items()
        ),
        # The null world has the same images and masks, so its RGB-only scores are the same.
        dual('null', direction, 'RGB + depth, null world', sample=dict(null=True), baseline=base),
        *(
            dict(
                name=f'{model}-target-trained-{direction}',
                title=f'{title}, trained on the target',
                section=f'{source} → {target}',
                same_as=f'{model}-{OPPOSITE[direction]}',
                target=target,
                **rest,
            )
            for model, title, rest in (
                ('rgb', 'RGB only', {}),
                ('dual', 'RGB + depth', dict(baseline=f'rgb-target-trained-{direction}')),
            )
        ),
    ]
for direction in DIRECTIONS:
    rows += [
        dual(
            f'fidelity-{fidelity:g}',
            direction,
            f'RGB + depth, fidelity {fidelity:g}',
            part=', dose of depth',
            sample=dict(fidelity=fidelity),
            baseline=f'rgb-{direction}',
        )
        for fidelity in FIDELITIES
    ]
for direction in DIRECTIONS:
    for gap in GAPS:
        only = dict(part=f', gap in {gap} alone', sample=dict(gap=(gap,)))
        rows += [
            rgb(f'rgb-gap-{gap}', direction, **only),
            dual(f'dual-gap-{gap}', direction, **only, baseline=f'rgb-gap-{gap}-{direction}'),
        ]
# Does refinement gain from depth, or only from the second loss on a second set of logits?
for direction in DIRECTIONS:
    part = dict(part=', refinement', baseline=f'rgb-{direction}')
    grey = dict(part, options=instead_of_depth('grey'))
    rows += [
        row('refinement', 'RGB + depth, refinement', 'refinement_tiny', direction, **part),
        row(
            'grey-refinement',
            f'{CONTROLS["grey"]}, refinement',
            'refinement_tiny',
            direction,
            **grey,
        ),
    ]
# Contrast gains nothing beyond depth: is its weight too small or too large?
for direction in DIRECTIONS:
    part = dict(part=', weight of contrast', baseline=f'rgb-{direction}')
    rows += [row('contrast', 'RGB + depth, contrast', 'contrast_tiny', direction, **part)]
    for factor in (0.2, 5):
        weights = tuple(round(factor * weight, 4) for weight in (0.02, 0.02, 0.03, 0.03))
        more = dict(part, options={'+model.neck.scale_weights': weights})
        rows += [
            row(f'contrast-x{factor}', f'contrast × {factor}', 'contrast_tiny', direction, **more)
        ]
# Are 300 iterations enough to learn rare classes?
LONGER = {
    'train_cfg.max_iters': 900,
    'train_cfg.val_interval': 900,
    'default_hooks.checkpoint.interval': 900,
    'param_scheduler.1.end': 900,
}
for direction in DIRECTIONS:
    base = f'rgb-longer-{direction}'
    longer = dict(part=', three times as long', options=LONGER)
    grey = longer | dict(options=LONGER | instead_of_depth('grey'))
    rows += [
        rgb('rgb-longer', direction, **longer),
        dual('dual-longer', direction, **longer, baseline=base),
        dual('grey-longer', direction, CONTROLS['grey'], **grey, baseline=base),
    ]
curve = dict(
    x='fidelity of the depth',
    column='gain',
    lines={
        f'{source} → {target}': {DEFAULT: f'dual-{direction}'}
        | {fidelity: f'fidelity-{fidelity:g}-{direction}' for fidelity in FIDELITIES}
        for direction, (source, target) in DIRECTIONS.items()
    },
)
