"""The loss equals the formula of Wang et al. in a loop over windows, and scikit-image."""

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from skimage.metrics import structural_similarity

from depthda.errors import UserError
from depthda.models.losses.ssim import ssim_loss


def windows_by_loop(x, y, valid, side=11, sigma=1.5, k1=0.01, k2=0.03):
    """Return 1 − SSIM of each window without invalid pixels."""
    i, j = np.indices((side, side)) - (side - 1) / 2
    weight = np.exp(-(i**2 + j**2) / (2 * sigma**2))
    weight /= weight.sum()
    losses = []
    for image in range(len(x)):
        for top in range(x.shape[1] - side + 1):
            for left in range(x.shape[2] - side + 1):
                part = (image, slice(top, top + side), slice(left, left + side))
                if not valid[part].all():
                    continue
                a, b = x[part], y[part]
                mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
                var_a = (weight * (a - mean_a) ** 2).sum()
                var_b = (weight * (b - mean_b) ** 2).sum()
                covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
                luminance = (2 * mean_a * mean_b + k1**2) / (mean_a**2 + mean_b**2 + k1**2)
                losses.append(1 - luminance * (2 * covariance + k2**2) / (var_a + var_b + k2**2))
    return losses


def case(images=2, height=18, width=16, dtype=torch.float64, no_data=True, seed=0):
    """Return two similar maps, and a mask that excludes pixels of some windows."""
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(images, height, width, generator=g, dtype=dtype)
    y = (0.6 * x + 0.4 * torch.rand(images, height, width, generator=g, dtype=dtype)).square()
    valid = torch.ones(images, height, width, dtype=torch.bool)
    if no_data:
        valid[0, 2, 3] = valid[-1, -1, -4:] = False
    return x, y, valid


def grads(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize(
    'options', [{}, dict(window=7, sigma=0.8, k1=0.05, k2=0.2), dict(window=4, sigma=2.0)]
)
@pytest.mark.parametrize('dtype, atol', [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize('no_data', [False, True])
def test_the_loss_equals_the_formula(options, dtype, atol, no_data):
    x, y, valid = case(no_data=no_data)
    renamed = {{'window': 'side'}.get(key, key): value for key, value in options.items()}
    terms = windows_by_loop(x.numpy(), y.numpy(), valid.numpy(), **renamed)
    loss = ssim_loss(x.to(dtype), y.to(dtype), valid if no_data else None, **options)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(np.mean(terms), abs=atol)


@pytest.mark.parametrize('dtype, atol', [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize('smooth', [False, True])
def test_the_loss_equals_scikit_image(dtype, atol, smooth):
    x, y, _ = case(images=1, height=60, width=70)
    if smooth:  # variances are far below C2, and means differ much
        slope = torch.linspace(0, 1, 70, dtype=x.dtype).expand(1, 60, 70)
        x, y = slope + 0.01 * (x - 0.5), 0.8 * slope + 0.005 * y
    settings = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)
    expected = structural_similarity(x[0].numpy(), y[0].numpy(), **settings)
    assert ssim_loss(x.to(dtype), y.to(dtype)).item() == pytest.approx(1 - expected, abs=atol)


def test_the_gradient_equals_finite_differences_and_the_mean_is_over_all_windows():
    x, y, valid = case(images=2, height=12, width=13)
    valid[0, 0, 0] = False
    assert torch.autograd.gradcheck(
        lambda a, b: ssim_loss(a, b, valid) * 3, (x.requires_grad_(), y.requires_grad_())
    )
    x, y, valid = case()
    valid[1, :7] = False  # one row of windows remains in the second image
    first, second = (
        windows_by_loop(x[[i]].numpy(), y[[i]].numpy(), valid[[i]].numpy()) for i in (0, 1)
    )
    assert len(first) > 2 * len(second) > 0
    assert ssim_loss(x, y, valid).item() == pytest.approx(np.mean(first + second), abs=1e-12)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 7.0])
def test_masked_pixels_have_no_influence(value):
    x, y, valid = (t.requires_grad_() if t.is_floating_point() else t for t in case())
    loss = ssim_loss(x, y, valid)
    before = grads(loss, x, y)
    with torch.no_grad():
        x[~valid] = value
        y[~valid] = value
    again = ssim_loss(x, y, valid)
    assert again == loss
    for old, new in zip(before, grads(again, x, y), strict=True):
        assert torch.equal(old, new) and (old[~valid] == 0).all() and (old[valid] != 0).any()


def test_without_a_valid_window_the_loss_and_its_gradient_are_0():
    x, y, valid = case()
    valid[:, ::11] = False  # each window contains one of these rows
    x[~valid], y[~valid] = float('nan'), float('nan')
    x.requires_grad_()
    loss = ssim_loss(x, y, valid)
    assert loss == 0 and (grads(loss, x)[0] == 0).all()


def test_the_loss_of_equal_maps_is_exactly_0_and_small_differences_are_not_lost():
    x, _, valid = case(dtype=torch.float32)
    x.requires_grad_()
    loss = ssim_loss(x, x.detach().clone(), valid)
    assert loss == 0 and (grads(loss, x)[0] == 0).all()
    x, y, _ = case()
    near = x + 1e-4 * (y - x)
    exact = ssim_loss(near, x).item()
    single = ssim_loss(near.float(), x.float()).item()
    assert 0 < exact < 1e-6 and single == pytest.approx(exact, rel=1e-2)


@pytest.mark.parametrize('level', [100.0, 3000.0])
def test_the_gradient_decreases_predictions_far_above_the_range(level):
    x, y, _ = case(dtype=torch.float32)
    x = (level + 1e-3 * x).requires_grad_()
    loss = ssim_loss(x, y)
    (grad,) = grads(loss, x)
    assert 0.9 < loss < 2 and grad.isfinite().all() and grad.mean() > 0


def test_luminance_contrast_and_structure_each_change_the_loss():
    # Under the window, stripes of one pixel have a mean of about 0 and a variance of about 1.
    stripes = (torch.arange(40) % 2 * 2 - 1).double().expand(1, 40, 40)
    x, variance, c1, c2 = 0.4 + 0.2 * stripes, 0.04, 1e-4, 9e-4

    def loss(y):
        return ssim_loss(x, y).item()

    assert loss(0.3 + x) == pytest.approx(0.09 / (0.4**2 + 0.7**2 + c1), abs=1e-3)
    assert loss(x - 0.1) == pytest.approx(0.01 / (0.4**2 + 0.3**2 + c1), abs=1e-3)
    halved = (variance + c2) / (1.25 * variance + c2)
    assert loss(0.4 + 0.1 * stripes) == pytest.approx(1 - halved, abs=1e-3)
    opposed = (c2 - 2 * variance) / (2 * variance + c2)
    assert loss(0.4 - 0.2 * stripes) == pytest.approx(1 - opposed, abs=1e-3)
    unrelated = c2 / (2 * variance + c2)
    assert loss(0.4 + 0.2 * stripes.mT) == pytest.approx(1 - unrelated, abs=1e-3)
    # If two of them change, their terms are multiplied.
    both = (2 * 0.4 * 0.7 + c1) / (0.4**2 + 0.7**2 + c1) * halved
    assert loss(0.7 + 0.1 * stripes) == pytest.approx(1 - both, abs=1e-3)


def test_half_precision_maps_are_compared_in_single_precision_despite_autocast():
    x, y, valid = case(dtype=torch.float32)
    half = x.bfloat16().requires_grad_()
    exact = x.bfloat16().float().requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = ssim_loss(half, y, valid)
    expected = ssim_loss(exact, y, valid)
    assert loss.dtype == torch.float32 and loss == expected
    assert torch.equal(grads(loss, half)[0], grads(expected, exact)[0].bfloat16())


def test_the_class_multiplies_the_function_by_its_weight():
    x, y, valid = case()
    loss = MODELS.build(dict(type='SSIMLoss', window=5, sigma=1.0, loss_weight=0.25))
    assert loss(x, y, valid) == 0.25 * ssim_loss(x, y, valid, window=5, sigma=1.0)
    assert MODELS.build(dict(type='SSIMLoss'))(x, y) == ssim_loss(x, y)


def test_wrong_shapes_and_settings_are_refused():
    x, y, valid = case(height=10, width=30)
    assert ssim_loss(x, y, valid, window=10).isfinite()
    for maps, message in (
        ((x, y, valid), '30×10 is smaller than the 11×11 window'),
        ((x.unsqueeze(1), y), r'\(N, H, W\).*\(2, 1, 10, 30\), \(2, 10, 30\)'),
        ((x, y[:1]), r'\(2, 10, 30\), \(1, 10, 30\)'),
        ((x, y, valid[:1]), r'\(2, 10, 30\), \(2, 10, 30\), \(1, 10, 30\)'),
    ):
        with pytest.raises(UserError, match=message):
            ssim_loss(*maps)
    with pytest.raises(UserError, match='sigma=0 of SSIMLoss must be above 0'):
        MODELS.build(dict(type='SSIMLoss', sigma=0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_gpu_does_not_round_to_tf32():
    x, y, valid = case(height=64, width=64)
    exact, single = x.requires_grad_(), x.detach().float().cuda().requires_grad_()
    expected = ssim_loss(exact, y, valid)
    loss = ssim_loss(single, y.float().cuda(), valid.cuda())
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    (grad,), (actual,) = grads(expected, exact), grads(loss, single)
    tolerance = 1e-4 * grad.abs().max().item()
    torch.testing.assert_close(actual.cpu().double(), grad, rtol=0, atol=tolerance)
