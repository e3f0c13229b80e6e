"""A segmentor with two heads for images of 32 × 32, and batches of source and target."""

import copy

import torch
from labelled_samples import labelled
from mmengine.config import ConfigDict
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

SIZE, CLASSES = 32, 5


def segmentor(dropout=0.0, **changes):
    """Return the config of a ResNet-18 with four channels, UPerHead and an auxiliary FCNHead."""
    head = dict(
        channels=8,
        num_classes=CLASSES,
        dropout_ratio=dropout,
        norm_cfg=dict(type='BN'),
        align_corners=False,
    )
    loss = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    model = dict(
        type='DepthGuidedEncoderDecoder',
        data_preprocessor=dict(
            type='RGBDDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            size=(SIZE, SIZE),
            depth='drop',
        ),
        backbone=dict(
            type='ResNetV1c',
            depth=18,
            base_channels=4,
            stem_channels=4,
            strides=(1, 2, 1, 1),
            out_indices=(0, 1, 2, 3),
            norm_cfg=dict(type='BN'),
            norm_eval=False,
            zero_init_residual=False,  # else no gradient reaches inner layers
        ),
        decode_head=dict(
            type='UPerHead',
            in_channels=[4, 8, 16, 32],
            in_index=[0, 1, 2, 3],
            pool_scales=(1, 2),
            loss_decode=loss,
            **head,
        ),
        auxiliary_head=dict(
            type='FCNHead',
            in_channels=16,
            in_index=2,
            num_convs=1,
            concat_input=False,
            loss_decode=loss | dict(loss_weight=0.4),
            **head,
        ),
        train_cfg=None,
        test_cfg=dict(mode='whole'),
    )
    return ConfigDict(model | changes)


def adapted(parts=None, **changes):
    """Build ``DomainAdaptation`` with these parts, in training mode."""
    config = changes.pop('segmentor', None) or segmentor(**changes)
    model = MODELS.build(dict(type='DomainAdaptation', segmentor=config, **(parts or {})))
    model.init_weights()
    return model.train()


def pair(images=2, size=SIZE, channels=3):
    """Return a batch as a data loader returns it; the target has no labels."""

    def domain():
        pixels = torch.rand(images, channels, size, size)
        pixels[:, :3] *= 255
        pixels[:, 3:, 4:8] = 0  # no depth here
        return list(pixels)

    labels = torch.randint(CLASSES, (images, size, size))
    labels[:, :3] = 255
    target = [SegDataSample(metainfo=s.metainfo) for s in labelled(labels)]
    return dict(
        inputs=dict(source=domain(), target=domain()),
        data_samples=dict(source=labelled(labels), target=target),
    )


def source_of(batch):
    """Return the source half of a batch, for training without a target."""
    return {key: copy.deepcopy(domains['source']) for key, domains in batch.items()}


def losses_of(model, batch):
    """Preprocess a batch and return the losses of the model."""
    data = model.data_preprocessor(copy.deepcopy(batch), training=True)
    return model(**data, mode='loss')


def total(losses):
    """Add the losses, as mmengine does; other values are only logged."""
    return sum(value for name, value in losses.items() if 'loss' in name)


def gradients(model):
    """Return the gradients of all parameters by name."""
    return {name: parameter.grad for name, parameter in model.named_parameters()}
