# The relative-depth-guided framework around DepthDA's encoders: a contrastive neck for training and
# a head that refines its logits by depth. Delete `neck` or `decode_head` here to drop either part.
_base_ = './depthda_convnext-b-s.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='MultiScaleContrastiveNeck',
        fusion={{_base_.model.neck}},  # any fusion; at test time the neck only fuses
        # Weights of the loss at strides 4, 8, 16, 32; the sum over the strides is divided by 4.
        scale_weights=[0.02, 0.02, 0.03, 0.03],
        pair='enhanced-rgb',  # or 'depth-rgb': plain cross-modal contrast in both directions
        pool=4,  # features are averaged over 4 x 4 positions before they are compared
        channels=128,
        contrast_loss=dict(
            type='InfoNCELoss',
            temperature=0.07,
            num_negatives=128,  # drawn from the hard negatives of the same image
        ),
        depth_share=0.3,  # initial value of the learned mixing weight
    ),
    decode_head=dict(
        _delete_=True,
        type='DepthRefinedHead',
        head={{_base_.model.decode_head}},  # any decode head
        depth_channels=96,  # channels of the depth encoder's first stage
        channels=64,
        step=0.3,  # the learned step size starts at sigmoid(0.3) = 0.574
    ),
)
