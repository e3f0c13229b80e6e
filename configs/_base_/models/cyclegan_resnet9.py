# CycleGAN as published: ResNet generators, PatchGAN critics, least squares, cycles, image pools.
model = dict(
    type='CycleGAN',
    # Optical bands are scaled to [-1, 1]; depth is not used.
    data_preprocessor=dict(type='DomainPairPreprocessor', optical_bands=3, bgr_to_rgb=True),
    generator=dict(type='ResNetGenerator', width=64, blocks=9),  # one for each direction
    critic=dict(type='PatchGANCritic', width=64),  # one for each domain
    cyc_weight=10.0,
    idt_weight=0.0,  # weight of the identity loss
    pool_size=50,  # earlier translations that each critic may see
    target_size=(512, 512),  # (height, width) of translated images
)
