# DRDG with networks of a few thousand weights, for the synthetic set.
_base_ = './drdg.py'
model = dict(
    generator=dict(channels=(8, 16, 32, 32)),
    critic=dict(channels=(8, 16, 32)),
    target_size=(128, 128),
    n_critic=2,  # of a few hundred iterations
)
