# MIC (CVPR 2023): DAFormer that also predicts target images from their visible blocks.
_base_ = './daformer.py'
adaptation = dict(
    terms=[*_base_.adaptation.terms, dict(type='MaskedConsistency', block=64, ratio=0.7)]
)
# For crops of 128².
tiny = dict(terms=[*_base_.tiny.terms, dict(type='MaskedConsistency', block=16, ratio=0.7)])
