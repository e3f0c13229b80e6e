# The 40k recipe of the released configs. Their rule for decaying rates does not match the parameter
# names of the depth encoder, so it learns at the full rate; learned scalars have weight decay.
_base_ = './adamw_40k.py'
train_cfg = dict(val_interval=2000)
optim_wrapper = dict(paramwise_cfg=dict(depth_decay=False, scalar_decay=True))
