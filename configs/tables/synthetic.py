# The models of this project on the synthetic worlds, in both directions: a check of mechanisms, not
# evidence about LoveDA. The table synthetic-controls.py has some of the same runs, and others that
# test what causes the gain.
from _base_.synthetic import (
    DIRECTIONS,
    ON_THE_TARGET,
    SAMPLE,
    SEEDS,
    WORLDS,
    instead_of_depth,
    row,
)

title = 'Synthetic benchmark'
caption = (
    'IoU in % on the target, mean ± standard deviation over worlds; gain: over the RGB-only model '
    'of the same world, with its 95 % interval over worlds. All encoders are pretrained on other '
    'worlds, without labels. A check of mechanisms on synthetic images, not evidence about real '
    'ones.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = ON_THE_TARGET
MODELS = (
    ('dual', 'RGB + depth', 'depthda', {}),
    ('grey', 'RGB + grey image', 'depthda', instead_of_depth('grey')),
    ('contrast', 'RGB + depth, contrast', 'contrast', {}),
    ('refinement', 'RGB + depth, refinement', 'refinement', {}),
    ('guided', 'RGB + depth, both', 'depth_guided', {}),
)
rows = []
for direction in DIRECTIONS:
    rows.append(row('rgb', 'RGB only', 'upernet_tiny', direction))
    for name, title_of_row, model, options in MODELS:
        baseline = f'rgb-{direction}'
        rows.append(
            row(name, title_of_row, f'{model}_tiny', direction, options=options, baseline=baseline)
        )
