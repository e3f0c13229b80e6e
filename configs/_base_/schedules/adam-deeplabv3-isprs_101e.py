# DRDG's recipe for the segmentation stage: 101 epochs of 1,862 tiles in batches of 32, with a
# validation every 5 epochs.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=5877, val_interval=291)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-4))
param_scheduler = []
