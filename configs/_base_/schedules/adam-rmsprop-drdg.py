# DRDG's optimisers, for batch size 1. The number of iterations depends on the data.
optim_wrapper = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',  # for both parts; --amp makes it AutocastOptimWrapper
    generators=dict(optimizer=dict(type='Adam', lr=5e-4, betas=(0.5, 0.999))),
    critics=dict(optimizer=dict(type='RMSprop', lr=5e-4)),
)
