# ablates: model.neck
# Refinement without contrast: the neck is its fusion alone.
_base_ = '../depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='ConcatFusion',
        rgb_channels=[128, 256, 512, 1024],
        depth_channels=[96, 192, 384, 768],
    )
)
