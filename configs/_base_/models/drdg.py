# DRDG: images of one domain in the style and size of another, held by residuals, cycles and depth.
model = dict(
    type='DRDG',
    # Optical bands to [-1, 1]; depth in (0, 1], last channel of the images of both domains.
    data_preprocessor=dict(type='DomainPairPreprocessor', optical_bands=3, bgr_to_rgb=True),
    generator=dict(  # of both directions
        type='ResiGenerator',
        # As released. The text of the paper has (64, 128, 256, 512, 512, 512). Sides of images
        # must be multiples of 2 ** 7.
        channels=(64, 128, 256, 512, 512, 512, 512),
        k=1.0,  # weight of the image beside its residual
        resize='post',  # translate at the size of the source, then resize; or 'pre'
        depth_decoder='separate',  # as in the paper; 'shared': all but its last layer, as released
        dropout=0.5,
    ),
    critic=dict(  # of both domains
        type='PatchCritic',
        channels=(64, 128, 256, 512, 512),
        norm='batch',  # as released; 'instance' or 'none' where batches hold several images
    ),
    adversarial=dict(
        type='WassersteinGANLoss',  # or 'LeastSquaresGANLoss'
        loss_weight=5.0,  # equation (7), as the next three
        gp_weight=1.0,  # of the gradient penalty in the critics' loss
    ),
    cyc_weight=10.0,
    # Both depth weights 0: rdg.py.
    dsl_weight=2.0,  # depth of an image, predicted from it
    dccl_weight=1.0,  # depth of an image, predicted from its translation
    n_critic=5,  # updates of the critics for one of the generators
    depth_resize='bilinear',  # 'nearest': as released
    target_size=(512, 512),  # (height, width) of translated images
)
