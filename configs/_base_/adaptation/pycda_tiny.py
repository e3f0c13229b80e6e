# PyCDA for tiny models.
_base_ = './pycda.py'
