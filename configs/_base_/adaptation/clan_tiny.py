# CLAN for tiny models and short trainings.
critic = dict(type='OutputCritic', channels=(16, 32, 64))
adaptation = dict(
    type='DomainAdaptation',
    terms=[
        dict(type='CategoryAdversary', critic=critic, weight=0.01, start=100, iterations=4800),
        dict(type='WeightDivergence', weight=0.02, iterations=4800),
    ],
)
optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',
    segmentor=dict(optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05)),
    critics=dict(optimizer=dict(type='Adam', lr=1e-3, betas=(0.9, 0.99))),
)
