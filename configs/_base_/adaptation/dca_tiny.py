# DCA for tiny models and short trainings.
_base_ = './dca.py'
adaptation = dict(teacher=dict(every=100), warm_up=100)
