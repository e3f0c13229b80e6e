# mmseg's usual recipe for dilated ResNets, over the 40,000 iterations that LoveDA models train for.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40000, val_interval=4000)

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, by_epoch=False, end=40000)]
