# As in the released configs: save a checkpoint after each validation (every 2,000 iterations) and
# keep the last five.
_base_ = './default_runtime.py'
default_hooks = dict(checkpoint=dict(interval=2000, max_keep_ckpts=5))
