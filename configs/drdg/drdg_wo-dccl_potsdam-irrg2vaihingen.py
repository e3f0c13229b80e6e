# DRDG without the depth cycle consistency loss (Table II).
_base_ = './drdg_potsdam-irrg2vaihingen.py'
model = dict(dccl_weight=0.0)
