# Training with unlabelled target images on the synthetic worlds, in both directions: a check of
# mechanisms, not evidence about LoveDA. synthetic-adaptation-parts.py has further methods.
from _base_.synthetic import DIRECTIONS, ON_BOTH_DOMAINS, SAMPLE, SEEDS, WORLDS, row

title = 'With target images, on the synthetic worlds'
caption = (
    'mIoU in %, mean ± standard deviation over worlds; gain: over the source-only model with RGB '
    'of the same world, with its 95 % interval over worlds. Methods that adapt see the target '
    'images of Train without labels, and are tested on those of Test. A check of mechanisms on '
    'synthetic images, not evidence about real ones.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

OURS = 'depth-guided-self-training'
rows = []
for direction in DIRECTIONS:
    baseline = f'rgb-{direction}'
    rows += [
        row('rgb', 'RGB, source only', 'upernet_tiny', direction),
        row('daformer', 'RGB, DAFormer', 'daformer_upernet-tiny', direction, baseline=baseline),
        row('dual', 'RGB + depth, source only', 'depthda_tiny', direction, baseline=baseline),
        row('ours', f'RGB + depth, {OURS}', f'{OURS}_depthda-tiny', direction, baseline=baseline),
    ]
