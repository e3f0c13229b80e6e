# The published recipe: AdamW, 1,500 iterations of warm-up, then linear decay to zero.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40000, val_interval=4000)

optim_wrapper = dict(
    type='AutocastOptimWrapper',  # bfloat16 where it is safe; 'OptimWrapper' for fp32
    optimizer=dict(
        type='AdamW',
        lr=1e-4,
        betas=(0.9, 0.999),
        weight_decay=0.05,
        fused=True,  # updates all weights in one kernel, which is several times faster
    ),
    # Early stages have lower learning rates; see the docstring of the constructor.
    constructor='StageDecayOptimWrapperConstructor',
    paramwise_cfg=dict(decay_rate=0.9, num_layers=12, depth_decay=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=40000),
]
