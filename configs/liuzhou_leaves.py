"""Configs of the LiuZhou dataset: DepthSeg, and the networks that it is compared with."""

from collections.abc import Iterator

from leaf_text import Leaf, leaf, parts

RGB = """\
# This model reads no depth, so no depth maps need to exist.
rgb = [dict(type='LoadDepth') if s.type == 'LoadDepth' else s for s in _base_.train_pipeline]
train_dataloader = dict(batch_size=8, dataset=dict(depth=None, pipeline=rgb))
"""
AUTHORS = ', with the code of the authors of this network'
# Model, title, schedule, and what the paper reports.
COMPARED = [
    ('deeplabv3_r50', 'DeepLabV3 with ResNet-50', 'sgd_50e', 42.97,
     ' and names neither backbone nor recipe'),
    ('st-unet', 'ST-UNet', 'sgd-st-unet_100e', 50.57, AUTHORS),
    ('ctcfnet', 'CTCFNet', 'adam-ctcfnet_200e', 58.19, AUTHORS),
]  # fmt: skip
DEPTHSEG = [('s', 8, 68.99), ('b', 4, 69.79), ('l', 2, 70.52)]
DATA = 'liuzhou-512x512'
WHERE = 'LiuZhou (the dataset is not public).'


def leaves() -> Iterator[Leaf]:
    """Yield a config for each row of DepthSeg's Table I."""
    for model, title, schedule, miou, more in COMPARED:
        yield leaf(
            f'baselines/{model}_1xb8-{schedule.rpartition("_")[2]}_{DATA}',
            f'{title}, RGB only: {WHERE}',
            parts(model, DATA, f'{schedule}-batch-8'),
            RGB,
            f'The DepthSeg paper reports {miou:.2f} mIoU{more}.',
        )
    for encoder, batch, miou in DEPTHSEG:
        yield leaf(
            f'depthseg/depthseg_dinov2-{encoder}_1xb{batch}-50e_{DATA}',
            f'DepthSeg with DINOv2-{encoder.upper()}: {WHERE}',
            parts(f'depthseg_dinov2-{encoder}', DATA, f'adamw-depthseg_50e-batch-{batch}'),
            f'train_dataloader = dict(batch_size={batch})\n',
            f'The paper reports {miou:.2f} mIoU.',
        )
