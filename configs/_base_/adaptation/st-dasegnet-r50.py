# ST-DASegNet (JAG 2024) with DeepLabV3+, Urban -> Rural: an encoder and a head for each
# style, critics on the features of each encoder, and self-training with averaged heads.
class_weights = [1.0, 1.25, 1.25, 1.0, 1.5, 1.5, 1.25]
critic = dict(type='StyleCritic', in_channels=2048, channels=(64, 128, 256))
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='HeadTeacher', momentum=0.999),
    pseudo=dict(
        type='ClassWeighted',
        threshold=0.975,
        class_weights=[1.0, 1.5, 1.5, 1.0, 2.0, 2.0, 1.5],
    ),
    terms=[
        dict(type='StyleAdversary', style=style, critic=critic) for style in ('source', 'target')
    ],
    pseudo_weight=0.25,
)
optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='AutocastOptimWrapper',
    segmentor=dict(
        optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
        paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=2.0))),
    ),
    critics=dict(optimizer=dict(type='Adam', lr=2.5e-4, betas=(0.9, 0.99))),
)
