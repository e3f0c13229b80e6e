# The 40k recipe of the released configs. Their rule for learning-rate decay by stage does not match
# the depth encoder's parameter names, so that encoder keeps the full rate. Their learned scalars
# have weight decay.
_base_ = './adamw_40k.py'
train_cfg = dict(val_interval=2000)
optim_wrapper = dict(paramwise_cfg=dict(depth_decay=False, scalar_decay=True))
