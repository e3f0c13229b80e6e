# CycleGAN with networks of a few thousand weights, for the synthetic dataset.
_base_ = './cyclegan_resnet9.py'
model = dict(
    generator=dict(width=8, blocks=2),
    critic=dict(width=8),
    target_size=(128, 128),
)
