# ResiDualGAN: DRDG without its depth losses (Table II).
_base_ = './drdg_potsdam-irrg2vaihingen.py'
model = dict(dsl_weight=0.0, dccl_weight=0.0)
