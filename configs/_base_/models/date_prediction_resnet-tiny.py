# Pretraining of the quarter-width ResNet-18 of upernet_tiny.py.
_base_ = './upernet_tiny.py'
mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
model = dict(
    _delete_=True,
    type='DatePrediction',
    data_preprocessor=dict(
        type='RGBDDataPreprocessor',
        mean=mean * 2,  # once for each date
        std=std * 2,
        bgr_to_rgb=True,  # reverses the first date only; the second is stored as RGB
        depth='drop',
    ),
    backbone=_base_.model.backbone,
    in_channels=[16, 32, 64, 128],
)
