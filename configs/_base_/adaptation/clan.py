# CLAN (CVPR 2019): the critic counts more where two heads disagree, and the heads are kept apart.
_base_ = './adaptsegnet.py'
adaptation = dict(
    _delete_=True,
    type='DomainAdaptation',
    terms=[
        dict(type='CategoryAdversary', critic=dict(type='OutputCritic'), weight=0.001),
        dict(type='WeightDivergence', weight=0.02),
    ],
)
# For tiny models and short trainings.
tiny = dict(
    _delete_=True,
    type='DomainAdaptation',
    terms=[
        dict(
            type='CategoryAdversary',
            critic=dict(type='OutputCritic', channels=(16, 32, 64)),
            weight=0.01,
            start=100,
            iterations=4800,
        ),
        dict(type='WeightDivergence', weight=0.02, iterations=4800),
    ],
)
