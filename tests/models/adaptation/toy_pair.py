"""Train on two domains that can be matched without labels: the same shapes in other colours.

    python tests/models/adaptation/toy_pair.py              # every method: about ten minutes
    python tests/models/adaptation/toy_pair.py DAFormer MIC

Squares and discs are on the ground, with equal class shares in both domains. In the target, the hue
is rotated and the image is brighter. The depth of an image has its own scale. It shows where the
squares and discs are, but it does not distinguish them, because both are equally high. The networks
have group norm, so a gain cannot come from batch norm that only reads the target.
"""

import math
import sys
import time
from functools import cache

import numpy as np
import torch
from mmcv.cnn import build_norm_layer
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseModule
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

import depthda  # noqa: F401

SIZE, CLASSES, IMAGES, BATCH = 32, 3, 64, 8
GREY, CHROMA, NOISE, DEPTH_NOISE = 100, 70, 15, 0.9
TURN, BRIGHTER = math.radians(58), 1.15
ITERATIONS, WARM_UP, RATE, CRITIC_RATE = 480, 300, 3e-3, 1e-3

GUIDED = 'depth-guided self-training'
TWINS = ('CLAN', 'DCA')  # methods on a network of two heads
STYLES = 'ST-DASegNet'  # two narrower encoders and half as many images, as it costs more
NORMS = ('TransNorm', 'batch norm that sees the target')
METHODS = (
    *('DAFormer', 'MIC', 'AdaptSegNet', 'CBST', 'FADA', 'IAST', 'PyCDA', *TWINS, STYLES),
    *('TransNorm', 'after MUCSS', GUIDED),
)
JITTER = dict(type='StrongAugmentation', jitter=0.8, strength=0.2, blur=0.2)
TEACHER = dict(type='EMATeacher', momentum=0.98)
DAFORMER = dict(
    teacher=TEACHER,
    pseudo=dict(type='ConfidentShare', threshold=0.9),
    mix=dict(type='ClassMix'),
    augmentation=[JITTER],
)
SNAPSHOT = dict(type='SnapshotTeacher', every=50)
CBST = dict(teacher=SNAPSHOT, pseudo=dict(type='ClassPortion', portion=0.5))
DEPTH_GUIDED = dict(
    teacher=TEACHER,
    pseudo=dict(type='DepthAgreement', threshold=0.9),
    mix=dict(type='ClassMix', match_depth=True),
    augmentation=[JITTER, dict(type='DepthDropout', prob=0.5)],
)
MASKED = dict(type='MaskedConsistency', block=4, ratio=0.3)
CRITIC = dict(type='OutputCritic', channels=(16, 32))
ADVERSARY = dict(type='OutputAdversary', critic=CRITIC)


def others(weight):
    """Return the parts of further methods; ``weight`` multiplies their own weights."""
    start, length = dict(start=WARM_UP), dict(iterations=2 * ITERATIONS)
    clan = dict(type='CategoryAdversary', critic=CRITIC, weight=0.01 * weight, **start, **length)
    apart = dict(type='WeightDivergence', weight=0.02 * weight, **length)
    features = dict(type='ClassCritic', in_channels=16, channels=(16,))
    fada = dict(type='ClasswiseAdversary', critic=features, weight=0.01 * weight)
    # The entropy is divided by the number of classes: 3 times its weight on LoveDA, with 7, over 7.
    sharpened = dict(type='ConfidenceRegularization', entropy=1.3 * weight, divergence=0.1 * weight)
    boxes = dict(type='BoxLabels', threshold=0.5, weight=0.5 * weight)
    aligned = dict(type='CovarianceAlignment', background=0, weight=weight)
    style = dict(type='StyleCritic', in_channels=8, channels=(16, 16))
    styles = [
        dict(type='StyleAdversary', style=side, critic=style, weight=0.005 * weight)
        for side in ('source', 'target')
    ]
    labelled, ramp = dict(pseudo_weight=weight), dict(ramp=60)
    kinds = ('TranslatedSource', 'RotationConsistency')
    return {
        'CLAN': dict(terms=[clan, apart]),
        'FADA': dict(terms=[fada]),
        'IAST': dict(
            teacher=SNAPSHOT,
            pseudo=dict(type='InstanceAdaptive', every=50),
            terms=[sharpened],
            **labelled,
        ),
        'PyCDA': dict(terms=[boxes, dict(type='ClassPrior', weight=weight)]),
        'DCA': dict(
            teacher=SNAPSHOT, pseudo=dict(type='RelativePeak'), terms=[aligned], **labelled
        ),
        STYLES: dict(
            teacher=dict(type='HeadTeacher', momentum=0.98),
            pseudo=dict(type='ClassWeighted', class_weights=[1.0, 2.0, 2.0], threshold=0.9),
            terms=styles,
            pseudo_weight=0.25 * weight,
        ),
        'after MUCSS': dict(
            pseudo=dict(type='Threshold', threshold=0.9, begin=WARM_UP, **ramp),
            terms=[dict(type=kind, weight=weight, **ramp) for kind in kinds],
            **labelled,
        ),
        'TransNorm': dict(terms=[ADVERSARY | dict(weight=0.01 * weight)]),
        'batch norm that sees the target': dict(terms=[ADVERSARY | dict(weight=0.0)]),
    }


def parts(method, weight):
    """Return the arguments of ``DomainAdaptation``; ``weight`` multiplies the method's weights."""
    masked = MASKED | dict(weight=0.1 * weight)
    return {
        None: {},
        'DAFormer': DAFORMER | dict(pseudo_weight=weight),
        'MIC': DAFORMER | dict(pseudo_weight=weight, terms=[masked]),
        'AdaptSegNet': dict(terms=[ADVERSARY | dict(weight=0.01 * weight)]),
        'CBST': CBST | dict(pseudo_weight=weight),
        GUIDED: DEPTH_GUIDED
        | dict(pseudo_weight=weight, terms=[masked | dict(depth='complement')]),
        **others(weight),
    }[method]


@MODELS.register_module()
class ToyEncoder(BaseModule):
    """Four convolutions with group norm, at the resolution of the image; NaN counts as 0."""

    def __init__(self, bands, channels=16, norm=None):
        super().__init__()
        norm = norm or dict(type='GN', num_groups=4)
        layers = []
        for before, dilation in ((bands, 1), (channels, 1), (channels, 2), (channels, 4)):
            layers += [
                nn.Conv2d(before, channels, 3, padding=dilation, dilation=dilation),
                build_norm_layer(norm, channels)[1],
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images):
        return (self.layers(images.nan_to_num(0)),)


def segmentor(depth, method=None):
    backbone = dict(type='ToyEncoder', bands=3 + depth)
    head = dict(
        type='FCNHead',
        in_channels=16,
        in_index=0,
        channels=16,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0,
        num_classes=CLASSES,
        norm_cfg=dict(type='GN', num_groups=4),
        align_corners=False,
        init_cfg=dict(type='Normal', std=0.1, override=dict(name='conv_seg')),
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    )
    neck = None
    if method in TWINS:
        head = dict(type='TwinHead', head=head)
        if method == 'DCA':
            head |= dict(weights=(0.5, 0.5), combine='mean')
    elif method == STYLES:
        backbone = dict(type='TwoStyleBackbone', encoder=backbone | dict(channels=8))
        neck = dict(type='StyleSelection', in_channels=[8])
        head['loss_decode'] = dict(type='CrossEntropyLoss', class_weight=[1.0, 1.5, 1.5])
        head = dict(type='StyleHeads', head=head | dict(in_channels=9))
    elif method in NORMS:
        norm = dict(type='TransNorm' if method == 'TransNorm' else 'BN')
        backbone['norm'] = norm
    return dict(
        type='DepthGuidedEncoderDecoder',
        data_preprocessor=dict(type='RGBDDataPreprocessor', mean=[GREY] * 3, std=[40] * 3),
        backbone=backbone,
        neck=neck,
        decode_head=head,
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


def scenes(seed, target, depth):
    """Return images (N, 3 or 4, H, W) and labels (N, H, W): 0 ground, 1 squares, 2 discs."""
    rng = np.random.default_rng([seed, target])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    labels = np.zeros((IMAGES, SIZE, SIZE), int)
    for label in labels:
        for kind in (1, 2, 1, 2):
            y, x = rng.integers(4, SIZE - 4, 2)
            r = rng.integers(3, 6)
            square = np.maximum(abs(rows - y), abs(columns - x)) <= r * 0.85
            disc = (rows - y) ** 2 + (columns - x) ** 2 <= r**2
            label[square if kind == 1 else disc] = kind
    # Two axes at right angles to grey. Discs have the opposite hue of squares.
    one, other = np.array([2, -1, -1]) / 6**0.5, np.array([0, 1, -1]) / 2**0.5
    angle = TURN if target else 0
    hue = math.cos(angle) * one + math.sin(angle) * other
    images = GREY + CHROMA * np.array([0, 1, -1])[labels][..., None] * hue
    images = (images + rng.normal(0, NOISE, images.shape)) * (BRIGHTER if target else 1)
    if depth:
        low, scale = rng.uniform(0.1, 0.5, (2, IMAGES, 1, 1))
        heights = (labels > 0) + rng.normal(0, DEPTH_NOISE, labels.shape)
        images = np.concatenate([images, (low + scale * heights).clip(0.01)[..., None]], 3)
    return torch.from_numpy(images).permute(0, 3, 1, 2).float(), torch.from_numpy(labels)


def recoloured(images, others):
    """Translate: give images the mean and covariance of the colours of ``others``, linearly."""
    colours, goal = (part.transpose(0, 1).flatten(1) for part in (images, others))

    def root(matrix):
        values, vectors = torch.linalg.eigh(matrix)
        return vectors @ torch.diag(values.sqrt()) @ vectors.T

    half = root(colours.cov())
    inverse = torch.linalg.inv(half)
    mapped = inverse @ root(half @ goal.cov() @ half) @ inverse  # the map that moves colours least
    colours = mapped @ (colours - colours.mean(1, keepdim=True)) + goal.mean(1, keepdim=True)
    return colours.unflatten(1, (-1, SIZE, SIZE)).transpose(0, 1)


@cache
def run(method, seed, weight=1, depth=False):
    """Train by a method, None: on the source alone; return its mIoU in % on other target images.

    The weights are those of the last iteration.
    """
    torch.manual_seed(seed)
    network = segmentor(depth, method)
    config = dict(segmentor=network, warm_up=WARM_UP, **parts(method, weight))
    model = MODELS.build(dict(type='DomainAdaptation', **config))
    torch.manual_seed(seed)  # the same weights of the segmentor, whether or not there is a critic
    model.init_weights()
    source, target = scenes(seed, False, depth), scenes(seed, True, depth)[0]
    if method == 'after MUCSS':
        source = (*source, recoloured(source[0], target))
    size = BATCH // 2 if method == STYLES else BATCH
    train(model.train(), source, target, np.random.default_rng(seed), size)
    return score(model, *scenes(seed + 1000, True, depth))


def train(model, source, target, rng, size):
    optimisers = [torch.optim.Adam(model.segmentor.parameters(), RATE, (0.9, 0.99))]
    if hasattr(model, 'parts'):
        optimisers.append(torch.optim.Adam(model.terms.parameters(), CRITIC_RATE, (0.9, 0.99)))
    decay = [
        torch.optim.lr_scheduler.PolynomialLR(optimiser, ITERATIONS, 0.9)
        for optimiser in optimisers
    ]
    for iteration in range(ITERATIONS):
        MessageHub.get_current_instance().update_info('iter', iteration)
        if hasattr(model.pseudo, 'set_thresholds') and iteration >= WARM_UP:
            refresh_thresholds(model, target, iteration)
        chosen, others = rng.integers(IMAGES, size=(2, size))
        data = batch(*(part[chosen] for part in source[:2]), target[others], rng)
        for images in source[2:]:  # translations have the labels of their originals
            data['inputs']['translated'] = list(images[chosen])
            data['data_samples']['translated'] = data['data_samples']['source']
        losses = model(**model.data_preprocessor(data, True), mode='loss')
        for optimiser in optimisers:
            optimiser.zero_grad()
        model.parse_losses(losses)[0].backward()
        for stepper in (*optimisers, *decay):
            stepper.step()


def refresh_thresholds(model, target, iteration):
    """Do what ``ClassThresholdHook`` does, with all target images."""
    if iteration % model.teacher.every == 0:
        model.teacher.update(model.segmentor, iteration)
        images = model.data_preprocessor.target(dict(inputs=list(target)))['inputs']
        model.pseudo.set_thresholds(model.pseudo.histogram(model.probabilities(images)))


def batch(images, labels, target, rng):
    """Return a batch as a data loader returns it; the target has no labels."""
    samples = dict(source=[], target=[])
    for label in labels:
        samples['source'].append(SegDataSample(gt_sem_seg=PixelData(data=label[None])))
        samples['target'].append(SegDataSample(metainfo=dict(sample_seed=int(rng.integers(2**31)))))
    return dict(inputs=dict(source=list(images), target=list(target)), data_samples=samples)


@torch.no_grad()
def score(model, images, labels):
    inputs = model.data_preprocessor.target(dict(inputs=list(images)))['inputs']
    predicted = model.eval()(inputs).argmax(1)
    pairs = [(predicted == label, labels == label) for label in range(CLASSES)]
    return 100 * float(np.mean([float((a & b).sum() / (a | b).sum()) for a, b in pairs]))


def source_only(method, seed, depth):
    """Return the mIoU of the method's network after training on the source alone."""
    own = method in (*TWINS, STYLES)
    return run(method if own else None, seed, 0 if own else 1, depth)


def main(methods, seeds=(4, 5, 6)):
    init_default_scope('mmseg')
    torch.set_num_threads(1)
    MMLogger.get_current_instance().setLevel('ERROR')
    titles = [f'{figure}, seed {seed}' for figure in ('mIoU', 'gain') for seed in seeds]
    print('| method |', ' | '.join(titles), '| s |')
    print('| --- |' + ' ---: |' * (len(titles) + 1))
    for depth in sorted({method == GUIDED for method in methods}):
        plain = 'source only, with depth' if depth else 'source only'
        rows = [(plain, None, 1)]
        for method in methods:
            if (method == GUIDED) == depth:
                rows += [(method, method, 1), (f'{method}, weight 0', method, 0)]
        for name, method, weight in rows:
            start = time.process_time()
            scores = [run(method, seed, weight, depth) for seed in seeds]
            seconds = (time.process_time() - start) / len(seeds)
            cells = [f'{value:.1f}' for value in scores]
            for value, seed in zip(scores, seeds, strict=True):
                cells.append(f'{value - source_only(method, seed, depth):+.1f}' if method else '–')
            print('|', ' | '.join([name, *cells, f'{seconds:.1f}']), '|', flush=True)


if __name__ == '__main__':
    main(sys.argv[1:] or METHODS)
