import torch
from torch.nn import functional as F

from depthda.models.depthseg.prompter import DepthPrompter


def features(height: int, width: int, channels: int = 6) -> list[torch.Tensor]:
    """Return depth features at 2, 4 and 8 times the size of a grid."""
    return [torch.randn(2, channels, s * height, s * width) for s in (2, 4, 8)]


def test_each_block_adds_two_convolutions_to_its_input():
    """The prompts equal the same computation with plain functions."""
    prompter = DepthPrompter(6, 5, norm_cfg=dict(type='BN')).eval()
    for module in prompter.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean)
            torch.nn.init.uniform_(module.weight)

    def convolve(block, inputs, **settings):
        norm = block.bn
        out = F.conv2d(inputs, block.conv.weight, **settings)
        return F.batch_norm(out, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    double, fourfold, finest = features(3, 3)
    passed = convolve(prompter.shallow, finest, stride=2, padding=1).relu()
    expected = []
    for i, skipped in enumerate((fourfold, double, None, None)):
        block, stride = prompter.deep[i], 1 if i == 0 else 2
        encoded = convolve(block.passed, passed, stride=stride, padding=1).relu()
        if skipped is not None:
            encoded = encoded + convolve(block.skipped, skipped).relu()
        if stride == 2:
            padding = (0, passed.shape[3] % 2, 0, passed.shape[2] % 2)
            # Average only pixels inside the map, also at the border of an odd size.
            ones = F.pad(torch.ones_like(passed), padding)
            passed = F.avg_pool2d(F.pad(passed, padding), 2) / F.avg_pool2d(ones, 2)
        passed = (passed + convolve(block.second, encoded, padding=1)).relu()
        expected.append(passed)
    for actual, prompt in zip(prompter([double, fourfold, finest]), expected, strict=True):
        torch.testing.assert_close(actual, prompt, rtol=1e-5, atol=1e-5)


def test_prompts_have_their_sizes_and_every_feature_reaches_the_coarsest_prompt():
    prompter = DepthPrompter(6, 5, norm_cfg=dict(type='BN'))
    inputs = [feature.requires_grad_() for feature in features(3, 4)]
    prompts = prompter(inputs)
    sizes = [tuple(prompt.shape) for prompt in prompts]
    assert sizes == [(2, 5, 12, 16), (2, 5, 6, 8), (2, 5, 3, 4), (2, 5, 2, 2)]
    prompts[-1].square().sum().backward()
    assert all(feature.grad.abs().sum() > 0 for feature in inputs)
