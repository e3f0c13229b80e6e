# AdaptSegNet around upernet_tiny_u2r.py: Urban with labels, Rural without.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/adaptsegnet_tiny_u2r.py
_base_ = './daformer_tiny_u2r.py'
model = dict(
    teacher=None,
    pseudo=None,
    mix=None,
    augmentation=None,
    terms=[
        dict(
            type='OutputAdversary',
            critic=dict(type='OutputCritic', in_channels=7, channels=(16, 32, 64)),
            weight=0.01,
        )
    ],
)
optim_wrapper = dict(
    _delete_=True,
    constructor='PartsOptimWrapperConstructor',
    type='OptimWrapper',
    segmentor=dict(optimizer={{_base_.optim_wrapper.optimizer}}),
    critics=dict(optimizer=dict(type='Adam', lr=1e-3, betas=(0.9, 0.99))),
)
