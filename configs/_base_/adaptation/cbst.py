# CBST (ECCV 2018) as in LoveDA's baselines: a copy of the student, renewed every 1,000 iterations,
# makes pseudo-labels for the same portion of each class.
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='SnapshotTeacher', every=1000),
    pseudo=dict(type='ClassPortion', portion=0.5),
    warm_up=4000,
    pseudo_weight=0.5,
)
# LoveDA's baselines keep fewer labels Urban -> Rural.
adaptation_u2r = dict(adaptation, pseudo=dict(type='ClassPortion', portion=0.1))
# For tiny models and short trainings.
tiny = dict(adaptation, teacher=dict(type='SnapshotTeacher', every=100), warm_up=100)
