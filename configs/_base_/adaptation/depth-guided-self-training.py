# Depth-guided self-training, the method of this project: MIC in which depth helps the teacher more
# than the student. configs/tables/synthetic-adaptation-parts.py leaves out each part once.
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='EMATeacher', momentum=0.999),
    # Pixels count less where the teacher predicts differently without depth.
    pseudo=dict(type='DepthAgreement', threshold=0.968),
    # Relative depth has no scale, so pasted depth gets the median and spread of its new tile. Set
    # this to False for depth in metres.
    mix=dict(type='ClassMix', match_depth=True),
    augmentation=[
        dict(type='StrongAugmentation'),  # changes the optical bands
        dict(type='DepthDropout', prob=0.5),  # hides depth from the student
    ],
    terms=[
        dict(type='FeatureDistance', weight=0.005),  # of the optical encoder
        # Each pixel of a masked image has either colour or depth.
        dict(type='MaskedConsistency', block=64, ratio=0.5, depth='complement'),
    ],
)
# For tiny models and short trainings.
tiny = dict(
    adaptation,
    teacher=dict(type='EMATeacher', momentum=0.99),
    pseudo=dict(type='DepthAgreement', threshold=0.9),
    terms=[
        dict(type='FeatureDistance', weight=0.005),
        dict(type='MaskedConsistency', block=16, ratio=0.5, depth='complement'),
    ],
)
