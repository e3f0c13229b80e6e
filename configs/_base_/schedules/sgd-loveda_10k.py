# The recipe of LoveDA's adaptation baselines: 750 iterations of warm-up, then a decay that would
# reach 0 after 15,000 iterations, stopped at 10,000.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=10000, val_interval=1000)

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
    clip_grad=dict(max_norm=35, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=750),
    dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=15000),
]
