# DepthSeg's ablation (its Table II) on the synthetic worlds, across domains: the gains of adapter
# and depth prompter. A check of mechanisms: the encoder has random weights, not DINOv2's.
from _base_.synthetic import DIRECTIONS, ON_BOTH_DOMAINS, SAMPLE, SEEDS, WORLDS, row

title = 'DepthSeg on the synthetic worlds'
caption = (
    'mIoU in %, mean ± standard deviation over worlds and seeds; gain: over the model with neither '
    'of the same world and seed, with its 95 % interval over worlds. Frozen encoder of random '
    'weights; no model reads depth at test. A check of mechanisms on synthetic images.'
)
worlds = WORLDS
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

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
rows = [
    row(
        name,
        title,
        'depthseg_tiny',
        direction,
        options=options,
        baseline='' if name == 'neither' else f'neither-{direction}',
    )
    for direction in DIRECTIONS
    for name, (title, options) in MODELS.items()
]
