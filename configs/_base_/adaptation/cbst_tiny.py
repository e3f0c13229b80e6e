# CBST for tiny models and short trainings.
_base_ = './cbst.py'
adaptation = dict(teacher=dict(every=100), warm_up=100)
