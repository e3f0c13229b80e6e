# Depth-guided self-training for tiny models and short trainings.
_base_ = './depth-guided-self-training.py'
adaptation = dict(
    teacher=dict(momentum=0.99),
    pseudo=dict(threshold=0.9),
    terms=[
        _base_.adaptation.terms[0],
        dict(_base_.adaptation.terms[1], block=16),
    ],
)
