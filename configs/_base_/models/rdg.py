# ResiDualGAN: DRDG without its depth losses and therefore without depth decoders.
_base_ = './drdg.py'
model = dict(dsl_weight=0.0, dccl_weight=0.0)
