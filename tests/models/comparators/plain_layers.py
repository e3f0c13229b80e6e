"""Layers of mmcv, written with functions of PyTorch; and random weights for them."""

import torch
from torch.nn import functional as F


def randomize(module):
    """Draw all norms and biases, and put the module into eval mode."""
    for name, values in module.state_dict().items():
        if values.ndim == 1 and values.is_floating_point():
            values.uniform_(0.5, 1.5) if 'var' in name else values.normal_()
    return module.eval()


def normed(norm, x):
    """Apply batch norm with its running statistics."""
    mean, var, weight, bias = (
        values.view(1, -1, 1, 1)
        for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def layer(block, x, act=F.relu, **rest):
    """Apply a convolution without bias, batch norm, and an activation, of a ``ConvModule``."""
    assert block.conv.bias is None
    return act(normed(block.bn, F.conv2d(x, block.conv.weight, **rest)))


def linear(conv, x):
    """Apply a 1 × 1 convolution as a matrix to the channels of each position."""
    y = torch.einsum('oc,nchw->nohw', conv.weight[:, :, 0, 0], x)
    return y if conv.bias is None else y + conv.bias[:, None, None]


def identity(x):
    return x
