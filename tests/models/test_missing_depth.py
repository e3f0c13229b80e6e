import torch
from torch.nn import functional as F

from depthda.models.missing_depth import fill_missing, resize_depth


def test_missing_depth_becomes_0_in_every_channel():
    depth = torch.tensor([[0.5, torch.nan], [-1.5, torch.inf]]).view(1, 1, 2, 2)
    filled = fill_missing(depth, 3)
    assert filled.tolist() == [[[[0.5, 0], [-1.5, 0]]] * 3]
    assert torch.equal(fill_missing(depth), filled[:, :1])


def test_resized_depth_is_valid_where_all_blended_values_are():
    depth = torch.rand(1, 1, 7, 6) + 0.1
    depth[..., 2, 3] = torch.nan
    for size in ((4, 3), (5, 9), (14, 12), (3, 6)):
        resized, valid = resize_depth(depth, size, 'bilinear')
        # NaN spreads to every value it is blended into; torch even multiplies it by a weight of 0.
        naive = F.interpolate(depth, size, mode='bilinear', align_corners=False)
        weights = F.interpolate(depth.isnan().float(), size, mode='bilinear', align_corners=False)
        assert torch.equal(valid, weights == 0) and valid.any()
        sound = naive.isfinite()
        assert (valid | ~sound).all()
        assert torch.equal(resized[sound], naive[sound])
        assert resized.isfinite().all()
    nearest, valid = resize_depth(depth, (14, 12), 'nearest')
    assert (~valid).sum() == 4 and torch.equal(nearest[valid], nearest[nearest > 0])
    kept, valid = resize_depth(depth, (7, 6), 'bilinear')
    assert torch.equal(valid, depth.isfinite()) and torch.equal(kept[valid], depth[valid])
