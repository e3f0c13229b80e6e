# of: baselines/convnext-b_upernet_1xb4-40k_loveda-u2r-512x512.py
# ablates: train_dataloader.dataset.pipeline
# RGB only, with the augmentation of photometric_1xb4-40k_loveda-u2r-512x512.py.
_base_ = '../../baselines/convnext-b_upernet_1xb4-40k_loveda-u2r-512x512.py'
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:-1],
            dict(type='OpticalDistortion'),
            _base_.train_pipeline[-1],
        ]
    )
)
