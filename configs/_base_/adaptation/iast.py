# IAST (ECCV 2020) as in LoveDA's baselines, Rural -> Urban: pseudo-labels with thresholds that
# follow the batches, and regularised confidence. The adversarial loss of the baselines has no
# gradient, so it is left out (docs/differences.md).
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='SnapshotTeacher', every=1000),
    pseudo=dict(type='InstanceAdaptive', every=1000),
    terms=[dict(type='ConfidenceRegularization', entropy=3.0, divergence=0.1)],
    warm_up=4000,
    pseudo_weight=0.5,
)
# LoveDA's baselines have a longer warm-up Urban -> Rural.
adaptation_u2r = dict(adaptation, warm_up=8000)
# For tiny models and short trainings.
tiny = dict(
    adaptation,
    teacher=dict(type='SnapshotTeacher', every=100),
    pseudo=dict(type='InstanceAdaptive', every=100),
    warm_up=100,
)
