# CLAN (CVPR 2019): the critic counts more where two heads disagree, and the heads are kept apart.
adaptation = dict(
    type='DomainAdaptation',
    terms=[
        dict(type='CategoryAdversary', critic=dict(type='OutputCritic'), weight=0.001),
        dict(type='WeightDivergence', weight=0.02),
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
