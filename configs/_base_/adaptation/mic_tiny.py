# MIC around daformer_tiny.py, with blocks for crops of 128².
_base_ = './daformer_tiny.py'
adaptation = dict(
    terms=[*_base_.adaptation.terms, dict(type='MaskedConsistency', block=16, ratio=0.7)]
)
