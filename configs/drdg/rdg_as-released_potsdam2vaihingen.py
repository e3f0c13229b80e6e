# ResiDualGAN as its released script trains it: without depth, with a lower adversarial weight.
_base_ = './drdg_as-released_potsdam2vaihingen.py'
model = dict(adversarial=dict(loss_weight=1.0), dsl_weight=0.0, dccl_weight=0.0)
