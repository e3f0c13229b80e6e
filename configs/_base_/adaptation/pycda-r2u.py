# PyCDA, Rural -> Urban: another threshold; the learning rate is a tenth.
adaptation = dict(
    type='DomainAdaptation',
    terms=[dict(type='BoxLabels', threshold=0.5, weight=0.5), dict(type='ClassPrior')],
)
