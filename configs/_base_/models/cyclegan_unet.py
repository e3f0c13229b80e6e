# CycleGAN's losses with the U-nets and critics of RDG: no residual, least squares, one size. Not
# CycleGAN itself, whose generator is a ResNet and whose critics see translated images of before.
_base_ = './rdg.py'
model = dict(
    generator=dict(k=0.0, resize='pre'),
    critic=dict(norm='instance'),
    adversarial=dict(type='LeastSquaresGANLoss', loss_weight=1.0, gp_weight=0.0),
    n_critic=1,
)
