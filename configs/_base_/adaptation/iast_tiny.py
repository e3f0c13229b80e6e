# IAST for tiny models and short trainings.
_base_ = './iast.py'
adaptation = dict(teacher=dict(every=100), pseudo=dict(every=100), warm_up=100)
