import torch
from torch.nn import functional as F

from depthda.models.missing_depth import fill_missing, resize_depth


def test_missing_depth_becomes_0_in_every_channel():
    depth = torch.tensor([[0.5, torch.nan], [-1.5, torch.inf]]).view(1, 1, 2, 2)
    filled = fill_missing(depth, 3)
    assert filled.tolist() == [[[[0.5, 0], [-1.5, 0]]] * 3]
    assert torch.equal(fill_missing(depth), filled[:, :1])


def test_resized_depth_is_valid_where_all_contributing_values_are_valid():
    depth = torch.rand(1, 1, 7, 6) + 0.1
    depth[..., 2, 3] = torch.nan
    for size in ((4, 3), (5, 9), (14, 12), (3, 6)):
        resized, valid = resize_depth(depth, size, 'bilinear')
        # NaN spreads to each value that it contributes to, in torch even with a weight of 0.
        naive = F.interpolate(depth, size, mode='bilinear', align_corners=False)
        weights = F.interpolate(depth.isnan().float(), size, mode='bilinear', align_corners=False)
        assert torch.equal(valid, weights == 0) and valid.any()
        finite = naive.isfinite()
        assert (valid | ~finite).all()
        assert torch.equal(resized[finite], naive[finite])
        assert resized.isfinite().all()
    nearest, valid = resize_depth(depth, (14, 12), 'nearest')
    assert (~valid).sum() == 4 and torch.equal(nearest[valid], nearest[nearest > 0])
    same, valid = resize_depth(depth, (7, 6), 'bilinear')
    assert torch.equal(valid, depth.isfinite()) and torch.equal(same[valid], depth[valid])
