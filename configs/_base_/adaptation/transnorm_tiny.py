# TransNorm for tiny models, which have one head.
_base_ = './adaptsegnet_tiny.py'
