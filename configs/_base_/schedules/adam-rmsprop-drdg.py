# DRDG's optimisers, for batch size 1. A config sets max_iters, which depends on the dataset.
optim_wrapper = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',  # for generators and critics; --amp sets AutocastOptimWrapper
    generators=dict(optimizer=dict(type='Adam', lr=5e-4, betas=(0.5, 0.999))),
    critics=dict(optimizer=dict(type='RMSprop', lr=5e-4)),
)
