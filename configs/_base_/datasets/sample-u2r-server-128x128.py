# The synthetic set in the server protocol, Urban -> Rural: trained on all labelled source images,
# predicted on target Test as if its labels were hidden.
_base_ = './sample-u2r-128x128.py'
unlabelled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder={{_base_.depth}}),
    dict(type='PackSegInputs', meta_keys={{_base_.meta_keys}}),
]
# For models without depth: see the base.
rgb_unlabelled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth'),
    dict(type='PackSegInputs', meta_keys={{_base_.meta_keys}}),
]
train_dataloader = dict(dataset=dict(holdout=None))
val_dataloader = None
val_cfg = None
val_evaluator = None
test_pipeline = unlabelled_pipeline
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder={{_base_.depth}}),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=0.0),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='vertical'),
            ],
            [dict(type='PackSegInputs', meta_keys={{_base_.meta_keys}})],
        ],
    ),
]
test_dataloader = dict(dataset=dict(labels=False, pipeline=unlabelled_pipeline))
test_evaluator = []
