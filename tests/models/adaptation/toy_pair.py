"""Two domains that can be matched without labels: the same shapes in other colours.

    python tests/models/adaptation/toy_pair.py            # every method, three seeds

Discs and squares stand on noise, with equal class shares in both domains. In the target, the hue is
turned and the image is brighter. The networks have group norm, so batch norm that merely sees the
target cannot pass for a method.
"""

import math
import sys
import time

import numpy as np
import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

SIZE, CLASSES, BATCH = 32, 3, 8
COLOURS = np.array([[90, 90, 90], [170, 70, 70], [70, 150, 70]], float)
TURN, BRIGHTER = math.radians(50), 1.15


def scenes(count, seed, target=False):
    """Return images (N, 3, H, W) and labels (N, H, W): 0 ground, 1 squares, 2 discs."""
    rng = np.random.default_rng([seed, target])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    labels = np.zeros((count, SIZE, SIZE), int)
    for label in labels:
        for kind in (1, 2, 1, 2):
            y, x = rng.integers(4, SIZE - 4, 2)
            r = rng.integers(3, 6)
            square = np.maximum(abs(rows - y), abs(columns - x)) <= r * 0.85
            disc = (rows - y) ** 2 + (columns - x) ** 2 <= r**2
            label[square if kind == 1 else disc] = kind
    images = COLOURS[labels] + rng.normal(0, 12, (count, SIZE, SIZE, 3))
    if target:
        images = images @ rotation(TURN).T * BRIGHTER
    return torch.from_numpy(images).permute(0, 3, 1, 2).float(), torch.from_numpy(labels)


def rotation(angle):
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    return (
        math.cos(angle) * np.eye(3)
        + (1 - math.cos(angle)) * np.full((3, 3), 1 / 3)
        + math.sin(angle) * cross
    )


@MODELS.register_module()
class ToyEncoder(BaseModule):
    """Four convolutions with group norm, at the resolution of the image."""

    def __init__(self, channels=16):
        super().__init__()
        layers = []
        for before, dilation in ((3, 1), (channels, 1), (channels, 2), (channels, 4)):
            layers += [
                nn.Conv2d(before, channels, 3, padding=dilation, dilation=dilation),
                nn.GroupNorm(4, channels),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images):
        return (self.layers(images),)


def segmentor():
    norm = dict(type='GN', num_groups=4)
    return dict(
        type='DepthGuidedEncoderDecoder',
        data_preprocessor=dict(
            type='RGBDDataPreprocessor', mean=[100] * 3, std=[40] * 3, depth='drop'
        ),
        backbone=dict(type='ToyEncoder'),
        decode_head=dict(
            type='FCNHead',
            init_cfg=dict(type='Normal', std=0.1, override=dict(name='conv_seg')),
            in_channels=16,
            in_index=0,
            channels=16,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0,
            num_classes=CLASSES,
            norm_cfg=norm,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


MIC = dict(type='MaskedConsistency', block=8, ratio=0.5)
SELF_TRAINING = dict(
    teacher=dict(type='EMATeacher', momentum=0.95),
    pseudo=dict(type='ConfidentShare', threshold=0.8),
    mix=dict(type='ClassMix'),
    augmentation=[dict(type='StrongAugmentation', jitter=0.8, strength=0.25, blur=0.2)],
)
CRITIC = dict(type='OutputCritic', in_channels=CLASSES, channels=(16, 32))
METHODS = {
    'source only': {},
    'DAFormer': SELF_TRAINING,
    'DAFormer, weight 0': SELF_TRAINING | dict(pseudo_weight=0.0),
    'MIC': SELF_TRAINING | dict(terms=[MIC]),
    'AdaptSegNet': dict(terms=[dict(type='OutputAdversary', critic=CRITIC, weight=0.05)]),
    'AdaptSegNet, weight 0': dict(terms=[dict(type='OutputAdversary', critic=CRITIC, weight=0.0)]),
}


def run(method, seed, iterations=250):
    """Train a method; return mIoU in % of the last weights on the target."""
    torch.manual_seed(seed)
    model = MODELS.build(dict(type='DomainAdaptation', segmentor=segmentor(), **METHODS[method]))
    model.init_weights()
    source, target = scenes(64, seed), scenes(64, seed, target=True)
    parts = [dict(params=model.segmentor.parameters())]
    if model.terms and hasattr(model.terms[0], 'critic'):
        parts.append(dict(params=model.terms.parameters(), lr=1e-3))
    optimizer = OptimWrapper(torch.optim.Adam(parts, lr=3e-3, betas=(0.9, 0.99)))
    rng, hub = np.random.default_rng(seed), MessageHub.get_current_instance()
    model.train()
    for iteration in range(iterations):
        hub.update_info('iter', iteration)
        torch.manual_seed(seed * 100_000 + iteration)
        for group, rate in zip(optimizer.param_groups, (3e-3, 1e-3), strict=False):
            group['lr'] = rate * (1 - iteration / iterations)
        one, other = rng.integers(64, size=(2, BATCH))
        labels = [
            SegDataSample(
                gt_sem_seg=PixelData(data=label[None]), metainfo=dict(img_shape=[SIZE] * 2)
            )
            for label in source[1][one]
        ]
        inputs = dict(source=list(source[0][one]), target=list(target[0][other]))
        model.train_step(dict(inputs=inputs, data_samples=dict(source=labels)), optimizer)
    return score(model, *scenes(64, seed + 1000, target=True))


@torch.no_grad()
def score(model, images, labels):
    model.eval()
    found = model.probabilities((images - 100) / 40).argmax(1) if model.teacher is None else None
    if found is None:
        metas = [dict(img_shape=images.shape[2:])] * len(images)
        found = model.segmentor.encode_decode((images - 100) / 40, metas).argmax(1)
    values = []
    for label in range(CLASSES):
        one, other = found == label, labels == label
        values.append(float((one & other).sum() / (one | other).sum()))
    return 100 * float(np.mean(values))


if __name__ == '__main__':
    from mmengine.registry import init_default_scope

    import depthda.register  # noqa: F401

    init_default_scope('mmseg')

    torch.set_num_threads(1)
    seeds = (1, 2, 3)
    for method in sys.argv[1:] or METHODS:
        begun = time.time()
        found = [run(method, seed) for seed in seeds]
        took = (time.time() - begun) / len(seeds)
        print(f'{method:24}', ' '.join(f'{value:6.2f}' for value in found), f'{took:5.1f} s')
