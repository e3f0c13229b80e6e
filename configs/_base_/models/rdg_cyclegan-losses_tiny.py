# CycleGAN's losses with RDG's networks, of a few thousand weights, for the synthetic dataset.
_base_ = './rdg_cyclegan-losses.py'
model = dict(
    generator=dict(channels=(8, 16, 32, 32)),
    critic=dict(channels=(8, 16, 32)),
    target_size=(128, 128),
)
