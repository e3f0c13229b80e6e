# ResiDualGAN: DRDG without its depth losses, and so without depth decoders.
_base_ = './drdg.py'
model = dict(dsl_weight=0.0, dccl_weight=0.0)
