# The released configs keep their last five checkpoints and validate every 2,000 iterations
# (val_interval of the schedule).
_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(interval=2000, max_keep_ckpts=5))
