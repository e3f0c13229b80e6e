# AdaptSegNet (CVPR 2018): one critic for the outputs of each head. mmseg's auxiliary head
# corresponds to the first output in the paper.
critic = dict(type='OutputCritic')
adaptation = dict(
    type='DomainAdaptation',
    terms=[
        dict(type='OutputAdversary', critic=critic, weight=0.001),
        dict(type='OutputAdversary', critic=critic, weight=0.0002, head='auxiliary_head'),
    ],
)
# As in LoveDA's baselines, where AdaptSegNet has half the learning rate of the other methods.
optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='AutocastOptimWrapper',
    clip_grad=dict(max_norm=35, norm_type=2),
    segmentor=dict(optimizer=dict(type='SGD', lr=5e-3, momentum=0.9, weight_decay=5e-4)),
    critics=dict(optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))),
)
# For tiny models, which have one head.
tiny_critic = dict(type='OutputCritic', channels=(16, 32, 64))
tiny = dict(
    type='DomainAdaptation',
    terms=[dict(type='OutputAdversary', critic=tiny_critic, weight=0.01)],
)
tiny_optimisers = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',
    segmentor=dict(optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05)),
    critics=dict(optimizer=dict(type='Adam', lr=1e-3, betas=(0.9, 0.99))),
)
