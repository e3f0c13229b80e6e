# The further methods that adapt to target images on three synthetic worlds, Urban -> Rural, and
# where the domains differ in appearance alone: a check of mechanisms, not evidence about LoveDA.
# synthetic-adaptation-parts.py has AdaptSegNet, CBST, DAFormer and MIC.
from _base_.synthetic import ON_BOTH_DOMAINS, SAMPLE, SEEDS, WORLDS, row

title = 'Further methods with target images, on the synthetic worlds'
caption = (
    'mIoU in %, mean ± standard deviation over worlds; gain: over the source-only model of the '
    'same world, with its 95 % interval over worlds. All methods see the target images of Train '
    'without labels, and are tested on those of Test. TransNorm is to be compared with the row in '
    'which batch norm sees the target. A check of mechanisms on synthetic images, not evidence '
    'about real ones.'
)
worlds = WORLDS[:3]
seeds = SEEDS
sample = SAMPLE
columns = ON_BOTH_DOMAINS

METHODS = {
    'transnorm': 'TransNorm',
    'clan': 'CLAN',
    'fada': 'FADA',
    'iast': 'IAST',
    'pycda': 'PyCDA',
    'dca': 'DCA',
    'st-dasegnet': 'ST-DASegNet',
}
# If the adversarial loss has weight 0, target images only influence the statistics of batch norm.
SEEN = {'model.terms.0.weight': 0.0}
rows = []
for suffix, fields in {
    '': dict(part=', RGB'),
    '-gap-appearance': dict(part=', gap in appearance alone', sample=dict(gap=('appearance',))),
}.items():
    compared = dict(fields, baseline=f'rgb{suffix}-u2r')
    seen = 'source only, batch norm sees the target'
    rows += [
        row(f'rgb{suffix}', 'source only', 'upernet_tiny', 'u2r', **fields),
        row(f'seen{suffix}', seen, 'adaptsegnet_upernet-tiny', 'u2r', options=SEEN, **compared),
    ]
    rows += [
        row(f'{name}{suffix}', title_of_row, f'{name}_upernet-tiny', 'u2r', **compared)
        for name, title_of_row in METHODS.items()
    ]
