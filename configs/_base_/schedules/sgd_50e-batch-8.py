# mmseg's usual recipe for dilated ResNets over 50 epochs of LiuZhou (7,047 tiles).
_base_ = './sgd_40k.py'
train_cfg = dict(max_iters=44050, val_interval=4405)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, by_epoch=False, end=44050)]
