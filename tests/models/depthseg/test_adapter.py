import torch

from depthda.models.depthseg.prompter import LightweightAdapter


def test_each_block_consists_of_convolution_batch_norm_and_relu():
    adapter = LightweightAdapter([6, 8], norm_cfg=dict(type='BN'))
    adapter.init_weights()
    features = [torch.randn(3, 6, 5, 4), torch.randn(3, 8, 5, 4)]
    adapted = adapter(features)
    for block, before, after in zip(adapter.blocks, features, adapted, strict=True):
        mixed = torch.einsum('oi,nihw->nohw', block.conv.weight[:, :, 0, 0], before)
        mean = mixed.mean((0, 2, 3), keepdim=True)
        variance = mixed.var((0, 2, 3), unbiased=False, keepdim=True)
        expected = ((mixed - mean) / (variance + 1e-5).sqrt()).clamp(min=0)
        torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-5)
    # Each block has a matrix without bias, a scale and a shift.
    assert sum(p.numel() for p in adapter.parameters()) == 6 * 6 + 2 * 6 + 8 * 8 + 2 * 8
