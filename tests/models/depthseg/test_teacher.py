import torch

from depthda.models.depthseg.teacher import DepthAnythingTeacher


def test_the_depth_of_each_image_is_scaled_to_0_to_1(depth_anything):
    model, folder = depth_anything
    teacher = DepthAnythingTeacher(folder)
    images = torch.randn(2, 3, 32, 24)
    depth = teacher(images)
    expected = model(images).predicted_depth.detach()
    low, high = expected.amin((1, 2), keepdim=True), expected.amax((1, 2), keepdim=True)
    assert low.min() > 1
    torch.testing.assert_close(depth, (expected - low) / (high - low), rtol=1e-4, atol=1e-4)
    assert depth.amin() == 0 and depth.amax() == 1 and not depth.requires_grad
    depth = teacher(torch.randn(1, 3, 30, 41))  # images of any size work
    assert depth.shape == (1, 30, 41) and depth.isfinite().all()
