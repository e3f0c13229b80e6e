import gc
from unittest.mock import Mock

import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.models import EncoderDecoder
from torch import nn

from depthda.errors import UserError
from depthda.models.segmentors import sliding_window
from depthda.models.segmentors.sliding_window import slide_bands, slide_inference, slide_labels


@pytest.fixture(scope='module')
def stock():
    """Return a model of mmseg, whose ``slide_inference`` is the reference."""
    torch.manual_seed(0)
    norm = dict(norm_cfg=dict(type='BN'))
    head = dict(type='PSPHead', in_channels=64, in_index=3, channels=8, num_classes=5)
    model = EncoderDecoder(
        backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, **norm),
        decode_head=dict(head, align_corners=False, **norm),
        test_cfg=dict(mode='slide'),
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    model.decode_head.conv_seg.weight.data /= 8  # logits of about unit size
    return model.eval()


def metas(num, height, width):
    shape = (height, width)
    return [dict(ori_shape=shape, img_shape=shape, pad_shape=shape) for _ in range(num)]


@pytest.mark.parametrize('window_batch', [1, 3, 16])
@pytest.mark.parametrize(
    ('size', 'crop', 'stride', 'num'),
    [
        ((96, 96), (48, 48), (32, 32), 1),
        ((97, 131), (64, 48), (43, 31), 2),
        ((96, 128), (48, 64), (48, 64), 1),
        ((65, 40), (64, 64), (64, 64), 3),
        ((33, 50), (64, 64), (21, 21), 2),
    ],
)
@torch.no_grad()
def test_logits_equal_those_of_mmseg(stock, size, crop, stride, num, window_batch):
    inputs = torch.randn(num, 3, *size)
    stock.test_cfg = ConfigDict(crop_size=crop, stride=stride)
    arguments = (inputs, metas(num, *size), crop, stride, window_batch)
    expected = stock.slide_inference(*arguments[:2])
    logits = slide_inference(stock.encode_decode, *arguments)
    assert expected.std() > 0.01
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)

    # Without centring, one class would have the largest logit everywhere.
    def centred(windows, window_metas):
        return stock.encode_decode(windows, window_metas) - logits.mean((0, 2, 3)).view(1, 5, 1, 1)

    labels = slide_labels(centred, *arguments)
    assert labels.dtype == torch.uint8 and len(labels.unique()) > 1
    assert torch.equal(labels.long(), slide_inference(centred, *arguments).argmax(1, keepdim=True))


def test_windows_get_copies_of_the_metas_of_their_image():
    image_metas = metas(2, 6, 6)
    for i, meta in enumerate(image_metas):
        meta['name'] = i
    sizes = []

    def model(windows, window_metas):
        sizes.append(len(windows))
        for window, meta in zip(windows, window_metas, strict=True):
            assert (window == meta['name']).all()
            assert isinstance(meta['img_shape'], torch.Size) and meta['img_shape'] == (4, 4)
        return windows

    inputs = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 6, 6)
    out = slide_inference(model, inputs, image_metas, (4, 4), (2, 2), window_batch=3)
    assert torch.equal(out, inputs)
    assert sizes == [3, 3, 2]
    assert [meta['img_shape'] for meta in image_metas] == [(6, 6), (6, 6)]


def test_half_precision_logits_are_summed_in_float32():
    step = 1 / 512  # 1 + step is exact in float32, and rounded to 1 in bfloat16
    logits = [torch.full((1, 1, 4, 4), value, dtype=torch.bfloat16) for value in (1.0, step)]
    model = Mock(side_effect=logits)
    inputs = torch.zeros(1, 3, 4, 6, dtype=torch.bfloat16)
    out = slide_inference(model, inputs, metas(1, 4, 6), (4, 4), (2, 2), window_batch=1)
    assert out.dtype == torch.float32
    assert out[0, 0, 0].tolist() == [1, 1, (1 + step) / 2, (1 + step) / 2, step, step]


def test_a_band_of_rows_is_yielded_as_soon_as_no_further_window_covers_it():
    inputs = torch.rand(2, 3, 100, 37)
    bands = list(slide_bands(lambda x, _: x, inputs, metas(2, 100, 37), (16, 16), (10, 12), 4))
    assert [top for top, _ in bands] == [*range(0, 81, 10), 84]
    assert [band.shape[2] for _, band in bands] == [10] * 8 + [4, 16]
    torch.testing.assert_close(torch.cat([band for _, band in bands], 2), inputs)
    # The last window ends with the image.
    starts = [sliding_window.window_starts(*s) for s in ((1024, 512, 341), (1024, 512, 512))]
    assert starts == [[0, 341, 512], [0, 512]]
    assert sliding_window.window_starts(300, 512, 341) == [0]


def test_labels_never_need_the_logits_of_the_complete_image():
    largest = []

    def model(windows, _):
        new = [item for item in gc.get_objects() if issubclass(type(item), torch.Tensor)]
        largest.append(max(tensor.untyped_storage().nbytes() for tensor in new))
        return windows.expand(-1, 9, -1, -1) * torch.arange(9).view(1, 9, 1, 1)

    inputs = torch.randn(1, 1, 640, 48)
    arguments = (model, inputs, metas(1, 640, 48), (32, 32), (16, 16))
    logits = 9 * inputs.nbytes
    gc.freeze()  # do not list objects that already exist
    try:
        labels = slide_labels(*arguments)
        assert max(largest) < logits / 4
        assert torch.equal(labels[0, 0] == 8, inputs[0, 0] > 0)
        slide_inference(*arguments)
        assert max(largest) >= logits
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(('stride', 'window_batch'), [((5, 4), 1), ((0, 4), 1), ((4, 4), 0)])
def test_windows_that_leave_gaps_are_refused(stride, window_batch):
    with pytest.raises(UserError, match='do not cover an image|window_batch=0'):
        slide_inference(None, torch.rand(1, 3, 8, 8), [{}], (4, 4), stride, window_batch)
