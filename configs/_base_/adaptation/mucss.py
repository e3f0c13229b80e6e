# After the abstract of MUCSS (ISPRS Journal 2021): translated source images, pseudo-labels above a
# threshold, and rotation consistency, whose weights rise. The abstract has no numbers, so all of
# these are choices of this project.
ramp = 4000
adaptation = dict(
    type='DomainAdaptation',
    pseudo=dict(type='Threshold', threshold=0.9, ramp=ramp),
    terms=[
        dict(type='TranslatedSource', ramp=ramp),
        dict(type='RotationConsistency', ramp=ramp),
    ],
)
# For tiny models and short trainings.
tiny = dict(
    adaptation,
    pseudo=dict(type='Threshold', threshold=0.9, ramp=100),
    terms=[
        dict(type='TranslatedSource', ramp=100),
        dict(type='RotationConsistency', ramp=100),
    ],
)
