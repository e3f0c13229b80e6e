# FADA for tiny models.
critic = dict(type='ClassCritic', in_channels=128, channels=(32, 16))
adaptation = dict(
    type='DomainAdaptation', terms=[dict(type='ClasswiseAdversary', critic=critic, weight=0.01)]
)
optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',
    segmentor=dict(optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05)),
    critics=dict(optimizer=dict(type='Adam', lr=1e-3, betas=(0.9, 0.99))),
)
