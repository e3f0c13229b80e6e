# ST-DASegNet (JAG 2024): an encoder and a head for each style, critics on the features of each
# encoder, and self-training with averaged heads. Networks: SegFormer (mit_b5) and DeepLabV3+ (r50).
_base_ = './adaptsegnet.py'
# Of the cross-entropy, Urban -> Rural and Rural -> Urban.
class_weights = dict(
    u2r=[1.0, 1.25, 1.25, 1.0, 1.5, 1.5, 1.25],
    r2u=[1.25, 1.0, 1.25, 1.0, 1.5, 1.25, 1.0],
    tiny=[1.0] * 7,
)
pseudo_u2r = dict(
    type='ClassWeighted', threshold=0.975, class_weights=[1.0, 1.5, 1.5, 1.0, 2.0, 2.0, 1.5]
)
pseudo_r2u = dict(
    type='ClassWeighted', threshold=0.975, class_weights=[1.5, 1.0, 1.5, 1.0, 2.0, 1.5, 1.0]
)
critic_mit_b5 = dict(type='StyleCritic', in_channels=512, channels=(64, 128))
critic_r50 = dict(type='StyleCritic', in_channels=2048, channels=(64, 128, 256))
shared = dict(
    type='DomainAdaptation', teacher=dict(type='HeadTeacher', momentum=0.999), pseudo_weight=0.25
)
terms_mit_b5 = [
    dict(type='StyleAdversary', style='source', critic=critic_mit_b5),
    dict(type='StyleAdversary', style='target', critic=critic_mit_b5),
]
terms_r50 = [
    dict(type='StyleAdversary', style='source', critic=critic_r50),
    dict(type='StyleAdversary', style='target', critic=critic_r50),
]
mit_b5_u2r = dict(shared, pseudo=pseudo_u2r, terms=terms_mit_b5)
mit_b5_r2u = dict(shared, pseudo=pseudo_r2u, terms=terms_mit_b5)
r50_u2r = dict(shared, pseudo=pseudo_u2r, terms=terms_r50)
r50_r2u = dict(shared, pseudo=pseudo_r2u, terms=terms_r50)
mit_b5_optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='AutocastOptimWrapper',
    segmentor=dict(
        optimizer=dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01),
        paramwise_cfg=dict(
            custom_keys=dict(norm=dict(decay_mult=0.0), decode_head=dict(lr_mult=10.0))
        ),
    ),
    critics=dict(optimizer=dict(type='Adam', lr=1e-5, betas=(0.9, 0.99))),
)
r50_optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='AutocastOptimWrapper',
    segmentor=dict(
        optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
        paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=2.0))),
    ),
    critics=dict(optimizer=dict(type='Adam', lr=2.5e-4, betas=(0.9, 0.99))),
)
# For tiny models and short trainings.
tiny_pseudo = dict(type='ClassWeighted', threshold=0.975, class_weights=[1.0] * 7)
style_critic = dict(type='StyleCritic', in_channels=32, channels=(16,))
tiny = dict(
    _delete_=True,
    type='DomainAdaptation',
    teacher=dict(type='HeadTeacher', momentum=0.99),
    pseudo=tiny_pseudo,
    pseudo_weight=0.25,
    terms=[
        dict(type='StyleAdversary', style='source', critic=style_critic, stage=1),
        dict(type='StyleAdversary', style='target', critic=style_critic, stage=1),
    ],
)
