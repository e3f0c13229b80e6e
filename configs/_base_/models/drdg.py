# DRDG translates images to the style and size of another domain; residuals, cycle consistency and
# depth losses preserve the content of the images.
model = dict(
    type='DRDG',
    # Optical bands are scaled to [-1, 1]; depth, the last channel in both domains, is in (0, 1].
    data_preprocessor=dict(type='DomainPairPreprocessor', optical_bands=3, bgr_to_rgb=True),
    generator=dict(  # one for each direction
        type='ResiGenerator',
        # As released; the paper's text has (64, 128, 256, 512, 512, 512). Each of the seven levels
        # halves the image, so its height and width must be multiples of 2 ** 7.
        channels=(64, 128, 256, 512, 512, 512, 512),
        k=1.0,  # weight of the image to which the residual is added
        resize='post',  # resize after the translation; 'pre': before it
        # As in the paper. 'shared', as released: one decoder for image and depth, two last layers.
        depth_decoder='separate',
        dropout=0.5,
    ),
    critic=dict(  # one for each domain
        type='PatchCritic',
        channels=(64, 128, 256, 512, 512),
        norm='batch',  # as released; use 'instance' or 'none' for batches of several images
    ),
    adversarial=dict(
        type='WassersteinGANLoss',  # or 'LeastSquaresGANLoss'
        loss_weight=5.0,  # from equation (7), like cyc_weight, dsl_weight and dccl_weight
        gp_weight=1.0,  # weight of the gradient penalty in the critics' loss
    ),
    cyc_weight=10.0,
    # If both depth weights are 0, the model is ResiDualGAN (rdg.py).
    dsl_weight=2.0,  # weight of the depth supervised loss (depth predicted from the image)
    dccl_weight=1.0,  # weight of the depth cycle consistency loss (from the translated image)
    n_critic=5,  # updates of the critics for each update of the generators
    depth_resize='bilinear',  # resizes depth for dccl; 'nearest' in the released code
    target_size=(512, 512),  # (height, width) of translated images
)
