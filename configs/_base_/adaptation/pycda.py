# PyCDA (ICCV 2019) as in LoveDA's baselines, Urban -> Rural: the student labels boxes of four sizes
# itself, and the mean prediction is pulled towards the shares of the classes.
adaptation = dict(
    type='DomainAdaptation',
    terms=[dict(type='BoxLabels', threshold=0.7, weight=0.5), dict(type='ClassPrior')],
)
# Rural -> Urban has another threshold. Its configs also divide the learning rate by ten.
adaptation_r2u = dict(
    adaptation,
    terms=[dict(type='BoxLabels', threshold=0.5, weight=0.5), dict(type='ClassPrior')],
)
tiny = adaptation
