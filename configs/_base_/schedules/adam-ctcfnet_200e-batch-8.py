# CTCFNet's recipe over 200 epochs of LiuZhou: 7,047 tiles are 881 batches of 8. The warm-up lasts
# an epoch; it is linear here. Iteration i of n in the released one has the rate lr / (n - i).
train_cfg = dict(type='IterBasedTrainLoop', max_iters=176200, val_interval=17620)

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-4, fused=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=881),
    dict(type='PolyLR', power=2.0, eta_min=0.0, by_epoch=False, begin=0, end=176200),
]
