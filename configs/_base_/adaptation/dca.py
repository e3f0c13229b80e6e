# DCA (TGRS 2022), Rural -> Urban: two heads, pseudo-labels near the peak of each class, and
# features of equal classes that are alike. Class 0, the background, has none of its own.
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='SnapshotTeacher', every=1000),
    pseudo=dict(type='RelativePeak'),
    terms=[dict(type='CovarianceAlignment', background=0)],
    warm_up=4000,
)
