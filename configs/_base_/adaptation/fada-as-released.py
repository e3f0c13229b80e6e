# FADA as in LoveDA's baselines: a tenth of the segmentation loss, and a critic of the third stage.
_base_ = './fada.py'
critic = dict(type='ClassCritic', in_channels=1024)
adaptation = dict(
    terms=[dict(type='ClasswiseAdversary', critic=critic, weight=0.001, stage=2)],
    source_weight=0.1,
)
