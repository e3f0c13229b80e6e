# FADA (ECCV 2020): the critic has one output per class and domain, and sees features.
_base_ = './adaptsegnet.py'
critic = dict(type='ClassCritic', in_channels=2048)
adaptation = dict(
    _delete_=True,
    type='DomainAdaptation',
    terms=[dict(type='ClasswiseAdversary', critic=critic, weight=0.001)],
)
# As in LoveDA's baselines: a tenth of the segmentation loss, and a critic of the third stage.
released_critic = dict(type='ClassCritic', in_channels=1024)
released_weights = dict(
    type='DomainAdaptation',
    terms=[dict(type='ClasswiseAdversary', critic=released_critic, weight=0.001, stage=2)],
    source_weight=0.1,
)
# For tiny models.
tiny = dict(
    _delete_=True,
    type='DomainAdaptation',
    terms=[
        dict(
            type='ClasswiseAdversary',
            critic=dict(type='ClassCritic', in_channels=128, channels=(32, 16)),
            weight=0.01,
        )
    ],
)
