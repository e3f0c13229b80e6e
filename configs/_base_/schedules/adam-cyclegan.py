# CycleGAN's optimisers, for batch size 1. A config sets max_iters and the decay over the last half.
optim_wrapper = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',  # for generators and critics; --amp sets AutocastOptimWrapper
    generators=dict(optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999))),
    critics=dict(optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999))),
)
