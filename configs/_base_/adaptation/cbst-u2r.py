# CBST, Urban -> Rural: LoveDA's baselines keep fewer labels in this direction.
_base_ = './cbst.py'
adaptation = dict(pseudo=dict(portion=0.1))
