# IAST, Urban -> Rural: LoveDA's baselines have a longer warm-up in this direction.
_base_ = './iast.py'
adaptation = dict(warm_up=8000)
