# TransNorm (NeurIPS 2019) as in LoveDA's baselines: AdaptSegNet's losses on two heads of one stage,
# and an encoder that normalises each domain by its own statistics.
critic = dict(type='OutputCritic')
adaptation = dict(
    type='DomainAdaptation',
    terms=[
        dict(type='OutputAdversary', critic=critic, weight=0.001, head='decode_head.0'),
        dict(type='OutputAdversary', critic=critic, weight=0.0002, head='decode_head.1'),
    ],
)
# As in LoveDA's baselines, where adversarial methods have half the learning rate of the others.
optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='AutocastOptimWrapper',
    clip_grad=dict(max_norm=35, norm_type=2),
    segmentor=dict(optimizer=dict(type='SGD', lr=5e-3, momentum=0.9, weight_decay=5e-4)),
    critics=dict(optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))),
)
