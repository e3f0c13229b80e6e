# DepthSeg's recipe over 40,000 iterations: AdamW, whose rate is multiplied by 0.2 after 30 % and
# after 60 % of them.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40000, val_interval=4000)

optim_wrapper = dict(
    type='AutocastOptimWrapper',  # bfloat16 where it is safe; 'OptimWrapper' for fp32
    optimizer=dict(
        type='AdamW',
        lr=1e-4,
        betas=(0.9, 0.999),
        weight_decay=1e-3,
        fused=True,  # updates all weights in one kernel, which is several times faster
    ),
    # All stages have the same learning rate; the optimiser skips frozen weights.
    constructor='StageDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_rate=1.0),
)
param_scheduler = [
    dict(type='MultiStepLR', gamma=0.2, by_epoch=False, milestones=[12000, 24000], end=40000),
]
