# DCA (TGRS 2022), Rural -> Urban: two heads, pseudo-labels near the peak of each class, and
# features of equal classes that are alike. Class 0, the background, has none of its own.
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='SnapshotTeacher', every=1000),
    pseudo=dict(type='RelativePeak'),
    terms=[dict(type='CovarianceAlignment', background=0)],
    warm_up=4000,
)
# Urban -> Rural: a shorter warm-up and more frequent copies. The released training has half as many
# iterations in this direction; all methods have 10,000 here.
adaptation_u2r = dict(adaptation, teacher=dict(type='SnapshotTeacher', every=500), warm_up=2000)
# For tiny models and short trainings. The synthetic background is a class like the others.
tiny = dict(
    adaptation,
    teacher=dict(type='SnapshotTeacher', every=100),
    terms=[dict(type='CovarianceAlignment', background=None)],
    warm_up=100,
)
