# DRDG's optimisers, at batch size 1. How many iterations there are depends on the data.
optim_wrapper = dict(
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',  # of both; --amp makes it AutocastOptimWrapper
    generators=dict(optimizer=dict(type='Adam', lr=5e-4, betas=(0.5, 0.999))),
    critics=dict(optimizer=dict(type='RMSprop', lr=5e-4)),
)
