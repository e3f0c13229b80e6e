# A short recipe for tiny models that start from random weights.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=300, val_interval=100)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-3, betas=(0.9, 0.999), weight_decay=0.05, fused=True),
    constructor='StageDecayOptimWrapperConstructor',
    # The same rate in all stages, because nothing is pretrained.
    paramwise_cfg=dict(decay_rate=1.0, num_layers=12, depth_decay=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=30),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=30, end=300),
]
