# Translation on the synthetic worlds: images of one domain get the style and the pixel size of the
# other, and a model without depth is trained on the result.
from _base_.classes import class_columns
from _base_.synthetic import (
    DIRECTIONS,
    ON_THE_TARGET,
    SAMPLE,
    SEEDS,
    WORLDS,
    both_domains,
    row,
)
from _base_.translation import chain

title = 'DRDG on the synthetic worlds'
caption = (
    'IoU in % on the target, mean ± standard deviation over worlds and seeds; gain: over the model '
    'trained on untranslated source images of the same world and seed, with its 95 % interval over '
    'worlds. All are tested without depth. The translation networks were trained with unlabelled '
    'target images from Train, never from Test. A check of mechanisms on synthetic images, not '
    'evidence about real ones.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = [*class_columns(), *ON_THE_TARGET]


def translated(name, title, direction, system, **model):
    """Return a row that translates with a system, with overrides of its model."""
    source, target = DIRECTIONS[direction]
    return dict(
        name=f'{name}-{direction}',
        title=title,
        section=f'{source} → {target}',
        steps=chain(
            f'configs/sample/{system}_tiny_{direction}.py',
            f'configs/sample/upernet_tiny_{direction}.py',
            {f'model.{key}': value for key, value in model.items()},
            options={'default_hooks.checkpoint.interval': 300},
            data='{data}',
            test=dict(checkpoint='last', options=both_domains(direction)),
        ),
        source=source,
        target=target,
        baseline=f'rgb-{direction}',
    )


rows = []
for direction in DIRECTIONS:
    rows += [
        row('rgb', 'source only', 'upernet_tiny', direction),  # the runs of synthetic.py
        translated('cyclegan', 'CycleGAN', direction, 'cyclegan'),
        translated('rdg', 'RDG', direction, 'drdg', dsl_weight=0.0, dccl_weight=0.0),
        translated('drdg', 'DRDG', direction, 'drdg'),
        translated('wo-dsl', 'DRDG without DSL', direction, 'drdg', dsl_weight=0.0),
        translated('wo-dccl', 'DRDG without DCCL', direction, 'drdg', dccl_weight=0.0),
    ]
