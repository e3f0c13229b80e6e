# The relative-depth-guided framework around DepthDA's encoders: contrast in training, and a head
# whose logits depth refines. Each is one key: leave out `neck` or `decode_head` to remove it.
_base_ = './depthda_convnext-b-s.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='MultiScaleContrastiveNeck',
        fusion={{_base_.model.neck}},  # any fusion; at test the neck is only this
        scale_weights=[0.02, 0.02, 0.03, 0.03],  # of the loss at strides 4, 8, 16, 32; then / 4
        pair='enhanced-rgb',  # or 'depth-rgb': plain cross-modal, both ways
        pool=4,  # features are compared as means of 4 x 4 positions
        channels=128,
        contrast_loss=dict(
            type='InfoNCELoss',
            temperature=0.07,
            num_negatives=128,  # drawn from the hard negatives of the same image
        ),
        depth_share=0.3,  # where the learned mixing weight starts
    ),
    decode_head=dict(
        _delete_=True,
        type='DepthRefinedHead',
        head={{_base_.model.decode_head}},  # any decode head
        depth_channels=96,  # of the depth encoder's first stage
        channels=64,
        step=0.3,  # the learned step starts at sigmoid(0.3) = 0.574
    ),
)
