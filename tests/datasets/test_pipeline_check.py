import mmcv.transforms
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmseg.registry import TRANSFORMS
from refusals import refusal

import depthda.datasets.transforms.aligned_rot_flip
import depthda.datasets.transforms.load_multiband_image
import depthda.datasets.transforms.optical_distortion  # noqa: F401
from depthda.datasets.pipeline_check import check_pipeline
from depthda.errors import UserError

CUT = dict(type='RandomCutOut', prob=1.0, n_holes=3, cutout_shape=(5, 5))


def check(*after, before=(), bands=3, **kwargs):
    init_default_scope('mmseg')
    pipeline = [
        dict(type='LoadImageFromFile' if bands == 3 else 'LoadMultibandImage'),
        dict(type='LoadAnnotations'),
        *before,
        dict(type='LoadDepth', optical_bands=bands),
        *after,
        dict(type='PackSegInputs'),
    ]
    check_pipeline(Compose(pipeline).transforms, **kwargs)


def nest(transform):
    return [
        dict(type='RandomApply', transforms=[transform]),
        dict(type='RandomChoice', transforms=[[dict(type='RandomFlip', prob=0.5)], [transform]]),
        dict(type='Compose', transforms=[transform]),
        dict(type='KeyMapper', transforms=[transform]),
        dict(type='TransformBroadcaster', transforms=[transform]),
        dict(type='TestTimeAug', transforms=[[transform], [dict(type='PackSegInputs')]]),
    ]


SAFE = [
    dict(type='Resize', scale=(64, 64)),
    dict(type='mmcv.Resize', scale=(64, 64), interpolation='nearest'),
    dict(type='RandomResize', scale=(64, 64), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomChoiceResize', scales=[(64, 64), (32, 32)]),
    dict(type='ResizeShortestEdge', scale=64, max_size=128),
    dict(type='ResizeToMultiple', size_divisor=32),
    dict(type='RandomCrop', crop_size=(32, 32), cat_max_ratio=0.75),
    dict(type='CenterCrop', crop_size=(32, 32)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmcv.RandomFlip', prob=0.5),
    dict(type='RandomRotate', prob=0.5, degree=20),
    dict(type='RandomRotFlip', rotate_prob=0.0),
    dict(type='AlignedRotFlip'),
    dict(type='Pad', size=(64, 64)),
    CUT | dict(fill_in=0),
    CUT | dict(fill_in=(9, 9, 9, 0)),
    dict(type='RandomMosaic', prob=0.5, img_scale=(32, 32)),
    dict(type='GenerateEdge'),
    dict(type='OpticalDistortion'),
    dict(type='DepthJitter'),
]


@pytest.mark.parametrize('transform', SAFE, ids=lambda t: t['type'])
def test_safe_transforms_pass_alone_and_nested(transform):
    check(transform)
    for nested in nest(transform):
        check(nested)


UNSAFE = [
    (dict(type='PhotoMetricDistortion'), 'use OpticalDistortion'),
    (dict(type='CLAHE'), 'put it before LoadDepth'),
    (dict(type='AdjustGamma'), 'put it before LoadDepth'),
    (dict(type='Rerange'), 'put it before LoadDepth'),
    (dict(type='RGB2Gray'), 'put it before LoadDepth'),
    (dict(type='RandomGrayscale'), 'put it before LoadDepth'),
    (dict(type='RandomDepthMix'), 'remove it'),
    (dict(type='Normalize', mean=[0] * 4, std=[1] * 4), 'RGBDDataPreprocessor normalises'),
    (dict(type='LoadImageFromFile'), 'make it the first transform'),
    (dict(type='BioMedicalGaussianNoise'), 'keeps_depth = True'),
    (dict(type='RandomRotFlip'), 'use AlignedRotFlip, or rotate_prob=0'),
    (dict(type='Resize', scale=(9, 9), backend='pillow'), "backend='cv2'"),
    (dict(type='Resize', scale=(9, 9), interpolation='bicubic'), "use 'bilinear'"),
    (dict(type='RandomResize', scale=(9, 9), interpolation='lanczos'), "use 'bilinear'"),
    (dict(type='ResizeToMultiple', interpolation='bicubic'), "use 'bilinear'"),
    (dict(type='RandomRotate', prob=0.5, degree=20, pad_val=114), 'fill with 0'),
    (
        dict(type='RandomRotate', prob=0.5, degree=20, seg_pad_val=0),
        'fill with 255, which is ignored',
    ),
    (dict(type='AlignedRotFlip', seg_pad_val=3), 'fill with 255, which is ignored'),
    (dict(type='Pad', size=(9, 9), pad_val=7), 'fill with 0'),
    (dict(type='Pad', size=(9, 9), pad_val=dict(img=(0, 0, 0, 1), seg=255)), 'fill with 0'),
    (dict(type='Pad', size=(9, 9), pad_val=dict(img=0, seg=0)), 'fill with 255, which is ignored'),
    (
        dict(type='CenterCrop', crop_size=9, auto_pad=True, pad_cfg=dict(type='Pad', pad_val=7)),
        'fill with 0',
    ),
    (dict(type='RandomMosaic', prob=0.5, pad_val=114), 'fill with 0'),
    (CUT, 'fills 3 channels, but the image has 4'),
    (CUT | dict(fill_in=114), 'set fill_in=0'),
    (CUT | dict(fill_in=(0, 0, 0, 5)), 'end fill_in with 0'),
]


@pytest.mark.parametrize(('transform', 'fix'), UNSAFE, ids=lambda t: str(t)[:60])
def test_unsafe_transforms_are_named_with_a_fix(transform, fix):
    for config in (transform, *nest(transform)):
        message = refusal(check, config)
        assert message.startswith(f'{transform["type"]} ') and fix in message


@pytest.mark.parametrize('transform', SAFE[:13], ids=lambda t: t['type'])
def test_photometric_transforms_may_come_before_depth_and_geometric_ones_may_not(transform):
    for allowed in ('PhotoMetricDistortion', 'CLAHE', 'AdjustGamma'):
        check(before=[dict(type=allowed)])
    for config in (transform, dict(type='RandomApply', transforms=[transform])):
        with pytest.raises(UserError, match=f'{transform["type"].split(".")[-1]} would separate'):
            check(before=[config])


class Custom(BaseTransform):
    def transform(self, results):
        return results


class Declared(Custom):
    keeps_depth = True


class Flip(mmcv.transforms.RandomFlip):
    """A subclass may do anything."""


def mirror(results):
    return results


def test_custom_transforms_declare_that_they_are_safe():
    check(Declared())
    for transform, fault in (
        (Custom(), 'Custom would alter the depth channel: .* keeps_depth'),
        (Flip(prob=0.5), 'Flip would alter'),
        (mirror, 'mirror would alter'),
    ):
        with pytest.raises(UserError, match=fault):
            check(transform)


def test_without_load_depth_only_jitter_is_refused():
    init_default_scope('mmseg')
    check_pipeline([TRANSFORMS.build(dict(type='PhotoMetricDistortion'))])
    with pytest.raises(UserError, match='DepthJitter has no depth to alter'):
        check_pipeline([TRANSFORMS.build(dict(type='DepthJitter'))])
    with pytest.raises(UserError, match='DepthJitter has no depth to alter'):
        check(before=[dict(type='DepthJitter')])


def test_four_optical_bands():
    check(dict(type='Resize', scale=(9, 9)), bands=4)
    check(dict(type='Pad', size=(9, 9), pad_val=dict(img=0.0, seg=255)), bands=4)
    with pytest.raises(UserError, match=r'Pad accepts 5 channels only with pad_val=dict\(img=0.0'):
        check(dict(type='Pad', size=(9, 9)), bands=4)
    with pytest.raises(UserError, match='cannot average 5 channels'):
        check(dict(type='Resize', scale=(9, 9), interpolation='area'), bands=4)
    for bands in (1, 4):
        with pytest.raises(UserError, match=f'optical_bands is {bands}: use LoadMultibandImage'):
            check(before=[dict(type='LoadImageFromFile')], bands=bands)
    check(before=[dict(type='LoadImageFromFile', color_type='grayscale')], bands=1)
    check(CUT | dict(fill_in=(0, 0, 0, 0)), bands=4, has_depth=False)


@pytest.mark.parametrize('bands', [1, 3, 4, 32])
def test_accepted_transforms_run_on_any_number_of_bands(bands):
    """They keep depth aligned with the bands, and in its range."""
    init_default_scope('mmseg')
    adapted = {'Pad': dict(pad_val=dict(img=0.0, seg=255)), 'RandomCutOut': dict(fill_in=0)}
    for config in SAFE:
        image = np.dstack([np.full((64, 64, bands), 90), np.full((64, 64), 0.5)])
        label = np.ones((64, 64), np.uint8)
        results = dict(gt_seg_map=label, seg_fields=['gt_seg_map'], img_shape=(64, 64))
        results |= dict(img=image.astype(np.float32), optical_bands=bands)
        results['mix_results'] = [dict(results)] * 3
        np.random.seed(0)
        after = TRANSFORMS.build(config | adapted.get(config['type'], {}))(results)['img']
        assert after.shape[2] == bands + 1 and after.dtype == np.float32
        if config['type'] not in ('OpticalDistortion', 'DepthJitter'):
            # Depth is constant; along edges it is blended with 0 in the same ratio as the bands.
            np.testing.assert_allclose(after[..., 0] / 180, after[..., bands], atol=0.26)
            assert set(np.unique(after[..., bands][after[..., 0] == 90])) == {0.5}
            assert set(np.unique(after[..., bands][after[..., 0] == 0])) <= {0}
