# PyCDA (ICCV 2019) as in LoveDA's baselines, Urban -> Rural: the student labels boxes of four sizes
# itself, and the mean prediction is pulled towards the shares of the classes.
adaptation = dict(
    type='DomainAdaptation',
    terms=[dict(type='BoxLabels', threshold=0.7, weight=0.5), dict(type='ClassPrior')],
)
