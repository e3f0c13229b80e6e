# DRDG with networks of a few thousand weights, for the synthetic dataset.
_base_ = './drdg.py'
model = dict(
    generator=dict(channels=(8, 16, 32, 32)),
    critic=dict(channels=(8, 16, 32)),
    target_size=(128, 128),
    n_critic=2,  # training has only a few hundred iterations
)
