# DRDG without the depth cycle consistency loss (Table II).
# of: drdg/drdg_potsdam2vaihingen.py
# ablates: model.dccl_weight
_base_ = '../drdg_potsdam2vaihingen.py'
model = dict(dccl_weight=0.0)
