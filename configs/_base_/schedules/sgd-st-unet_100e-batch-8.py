# ST-UNet's recipe over 100 epochs of LiuZhou: 7,047 tiles are 881 batches of 8.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=88100, val_interval=8810)

optim_wrapper = dict(
    type='AutocastOptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, end=88100)]
