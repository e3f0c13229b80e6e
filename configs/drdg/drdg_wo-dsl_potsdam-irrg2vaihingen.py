# DRDG without the depth supervised loss (Table II).
_base_ = './drdg_potsdam-irrg2vaihingen.py'
model = dict(dsl_weight=0.0)
