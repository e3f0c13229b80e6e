# DRDG without the depth supervised loss (Table II).
# of: drdg/drdg_potsdam2vaihingen.py
# ablates: model.dsl_weight
_base_ = '../drdg_potsdam2vaihingen.py'
model = dict(dsl_weight=0.0)
