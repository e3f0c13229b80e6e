# A guess at the "augmentation tricks" behind the authors' best score (50.47 mIoU), which they do
# not describe: photometric augmentation in training, flips at test (tools/test.py --tta).
_base_ = './depthda_convnext-xl-b_1xb4-40k_loveda-u2r-server-512x512.py'
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:-1],
            dict(type='OpticalDistortion'),
            _base_.train_pipeline[-1],
        ]
    )
)
