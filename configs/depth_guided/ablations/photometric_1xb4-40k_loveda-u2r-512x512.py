# ablates: train_dataloader.dataset.pipeline
# Adds photometric augmentation of the optical bands; the main config has none.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:-1],
            dict(type='OpticalDistortion'),
            _base_.train_pipeline[-1],
        ]
    )
)
