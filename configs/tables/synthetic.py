# The models of this project on the synthetic worlds, in both directions: a check of mechanisms, not
# evidence about LoveDA. synthetic-controls.py shares runs with it and tests what causes the gain.
from _base_.classes import class_columns
from _base_.synthetic import DIRECTIONS, ON_THE_TARGET, SAMPLE, SEEDS, WORLDS, row

title = 'Synthetic benchmark'
caption = (
    'IoU in % on the target, mean ± standard deviation over worlds and seeds; gain: over the '
    'RGB-only model of the same world and seed, with its 95 % interval over worlds. A check of '
    'mechanisms on synthetic images, not evidence about real ones.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = [*class_columns(), *ON_THE_TARGET]

rows = []
for direction in DIRECTIONS:
    rows += [
        row('rgb', 'RGB only', 'upernet_tiny', direction),
        row('dual', 'RGB + depth', 'depthda_tiny', direction, baseline=f'rgb-{direction}'),
        *(
            row(name, title, f'{model}_tiny', direction, baseline=f'rgb-{direction}')
            for name, title, model in (
                ('contrast', 'RGB + depth, contrast', 'contrast'),
                ('refinement', 'RGB + depth, refinement', 'refinement'),
                ('guided', 'RGB + depth, both', 'depth_guided'),
            )
        ),
    ]
