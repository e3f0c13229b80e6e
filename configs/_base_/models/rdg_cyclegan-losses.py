# CycleGAN's losses with the U-nets and critics of RDG: no residual, least squares, images resized
# before translation. CycleGAN itself is cyclegan_resnet9.py.
_base_ = './rdg.py'
model = dict(
    generator=dict(k=0.0, resize='pre'),
    critic=dict(norm='instance'),
    adversarial=dict(type='LeastSquaresGANLoss', loss_weight=1.0, gp_weight=0.0),
    n_critic=1,
)
