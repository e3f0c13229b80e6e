# DAFormer (CVPR 2022): the student learns from pseudo-labels of an averaged teacher, on mixed
# images. The dataset draws rare classes of the source more often: see RareClassTiles in
# configs/adaptation.
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='EMATeacher', momentum=0.999),
    pseudo=dict(type='ConfidentShare', threshold=0.968),
    mix=dict(type='ClassMix'),
    augmentation=[dict(type='StrongAugmentation')],
    terms=[dict(type='FeatureDistance', weight=0.005)],
)
# For tiny models and short trainings. The settings were chosen on worlds that no table uses: see
# docs/synthetic-benchmark.md.
tiny = dict(
    adaptation,
    teacher=dict(type='EMATeacher', momentum=0.99),
    pseudo=dict(type='ConfidentShare', threshold=0.9),
)
