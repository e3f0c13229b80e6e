# ST-DASegNet for tiny models and short trainings. All classes have the same weight.
class_weights = [1.0] * 7
critic = dict(type='StyleCritic', in_channels=32, channels=(16,))
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='HeadTeacher', momentum=0.99),
    pseudo=dict(type='ClassWeighted', threshold=0.975, class_weights=class_weights),
    terms=[
        dict(type='StyleAdversary', style=style, critic=critic, stage=1)
        for style in ('source', 'target')
    ],
    pseudo_weight=0.25,
)
optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',
    segmentor=dict(optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05)),
    critics=dict(optimizer=dict(type='Adam', lr=1e-3, betas=(0.9, 0.99))),
)
