import pytest
import torch
from mmengine.config import Config

TINY = dict(model_type='convnext', depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def tiny_backbone():
    """Return a function that makes the config of a tiny ConvNeXt.

    Its layer scale is 1, because the default is too small for gradients to reach all layers.
    """

    def config(**arch):
        arch = {**TINY, 'layer_scale_init_value': 1.0, **arch}
        return dict(type='TransformersBackbone', arch=arch)

    return config


@pytest.fixture
def tiny_model(tiny_backbone):
    """Return a function that makes the config of DepthDA with tiny encoders."""

    def config(**test_cfg):
        channels = [12, 24, 36, 48]
        head = dict(
            channels=8,
            num_classes=5,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        )
        preprocessor = dict(type='RGBDDataPreprocessor', mean=[120, 110, 100], std=[50, 55, 60])
        rgb, depth = [8, 16, 24, 32], [4, 8, 12, 16]
        encoders = dict(rgb=tiny_backbone(), depth=tiny_backbone(hidden_sizes=depth))
        upper = dict(type='UPerHead', in_channels=channels, in_index=[0, 1, 2, 3])
        auxiliary = dict(type='FCNHead', in_channels=36, in_index=2, num_convs=1)
        model = dict(
            type='DepthGuidedEncoderDecoder',
            data_preprocessor=dict(preprocessor, bgr_to_rgb=True, size=(64, 64)),
            backbone=dict(type='DualBackbone', **encoders),
            neck=dict(type='ConcatFusion', rgb_channels=rgb, depth_channels=depth),
            decode_head=dict(upper, **head),
            auxiliary_head=dict(auxiliary, **head),
            train_cfg=None,
            test_cfg=dict(dict(mode='whole'), **test_cfg),
        )
        return Config(model)  # mmseg reads test_cfg by attribute

    return config
