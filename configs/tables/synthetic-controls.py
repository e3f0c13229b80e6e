# Controls that test what causes a gain from depth on the synthetic worlds, Urban -> Rural: a check
# of mechanisms, not evidence about LoveDA. docs/synthetic-benchmark.md explains each row.
from _base_.synthetic import (
    ITERATIONS,
    ON_BOTH_DOMAINS,
    SAMPLE,
    SEEDS,
    WORLDS,
    instead_of_depth,
    row,
    trained_for,
)

title = 'Controls of the synthetic benchmark'
caption = (
    'mIoU in %, mean ± standard deviation over worlds; gain: over the RGB-only model of the same '
    'world (with random weights: over the same model with pretrained ones), with its 95 % interval '
    'over worlds. A check of mechanisms on synthetic images, not evidence about real ones.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

DEFAULT = 0.7  # fidelity of depth in the default worlds
FIDELITIES = (0.0, 1.0)


def rgb(name, title, direction='u2r', **fields):
    return row(name, title, 'upernet_tiny', direction, **fields)


def dual(name, title, direction='u2r', model='depthda', baseline='rgb-u2r', **fields):
    return row(name, title, f'{model}_tiny', direction, baseline=baseline, **fields)


def target_trained(name, title, **fields):
    """Return a row with the runs of the opposite direction, which train on this target domain."""
    return dict(
        name=f'{name}-target-trained-u2r',
        title=f'{title}, trained on the target',
        section='Urban → Rural',
        same_as=f'{name}-r2u',
        target='Rural',
        source='Urban',
        **fields,
    )


GREY, CONSTANT, OTHER = (instead_of_depth(by) for by in ('grey', 'constant', 'other-tile'))
rows = [
    rgb('rgb', 'RGB only'),
    dual('dual', 'RGB + depth'),
    dual('grey', 'RGB + grey image', options=GREY),
    dual('constant', 'RGB + constant', options=CONSTANT),
    dual('other-tile', "RGB + another tile's depth", options=OTHER),
    # The null world has the same images and labels, so its RGB-only scores are the same.
    dual('null', 'RGB + depth, null world', sample=dict(null=True)),
    target_trained('rgb', 'RGB only'),
    target_trained('dual', 'RGB + depth', baseline='rgb-target-trained-u2r'),
    rgb('rgb', 'RGB only', 'r2u'),
    dual('dual', 'RGB + depth', 'r2u', baseline='rgb-r2u'),
]
rows += [
    dual(
        f'fidelity-{fidelity:g}',
        f'RGB + depth, fidelity {fidelity:g}',
        part=', dose of depth',
        sample=dict(fidelity=fidelity),
    )
    for fidelity in FIDELITIES
]
# Does refinement gain from depth, or only from a second loss on the refined logits?
PART = dict(part=', refinement')
rows += [
    dual('refinement', 'RGB + depth, refinement', model='refinement', **PART),
    dual(
        'grey-refinement',
        'RGB + grey image, refinement',
        model='refinement',
        options=GREY,
        **PART,
    ),
]
# How much do the pretrained weights gain?
RANDOM = dict(
    part=', random weights',
    pretrained=False,
    options=trained_for(ITERATIONS),
)
rows += [
    rgb('rgb-random', 'RGB only', **RANDOM, baseline='rgb-u2r'),
    dual('dual-random', 'RGB + depth', **RANDOM | dict(baseline='dual-u2r')),
]
curve = dict(
    x='fidelity of the depth',
    column='gain',
    lines={
        'Urban → Rural': {DEFAULT: 'dual-u2r'}
        | {fidelity: f'fidelity-{fidelity:g}-u2r' for fidelity in FIDELITIES}
    },
)
