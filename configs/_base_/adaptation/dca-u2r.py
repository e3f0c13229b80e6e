# DCA, Urban -> Rural: a shorter warm-up and more frequent copies. The released training has half
# as many iterations in this direction; all methods have 10,000 here.
_base_ = './dca.py'
adaptation = dict(teacher=dict(every=500), warm_up=2000)
