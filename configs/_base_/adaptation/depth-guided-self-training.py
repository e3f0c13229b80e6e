# Depth-guided self-training, of this project: MIC in which depth helps the teacher more than the
# student. Each line is a row of an ablation (configs/tables/synthetic-adaptation.py).
adaptation = dict(
    type='DomainAdaptation',
    teacher=dict(type='EMATeacher', momentum=0.999),
    # Pixels count less where the teacher predicts something else without depth.
    pseudo=dict(type='DepthAgreement', threshold=0.968),
    # Relative depth has no scale: give pasted depth that of its new tile. False for metres.
    mix=dict(type='ClassMix', match_depth=True),
    augmentation=[
        dict(type='StrongAugmentation'),  # of the optical bands
        dict(type='DepthDropout', prob=0.5),  # of the student
    ],
    terms=[
        dict(type='FeatureDistance', weight=0.005),  # of the optical encoder
        # Each place of the masked image shows either colour or depth.
        dict(type='MaskedConsistency', block=64, ratio=0.5, depth='complement'),
    ],
)
