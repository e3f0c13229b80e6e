"""Stochastic depth (G. Huang et al., ECCV 2016) that draws for all layers of an encoder at once.

The ``ConvNextDropPath`` of transformers draws and compares random numbers in each layer, and passes
over the features twice. For an encoder of 36 layers, this is an eighth of the launches of a
training iteration.
"""

import torch
from torch import Tensor, nn

_REPLACED = ('ConvNextDropPath', 'ConvNextV2DropPath')


class DropPath(nn.Module):
    """Multiply each sample by the factor that :class:`DropPaths` has drawn for this layer."""

    factors: Tensor  # (N,)

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return features
        return features * self.factors.view(-1, *[1] * (features.ndim - 1))


class DropPaths(nn.Module):
    """Replaces the drop paths of an encoder of transformers, and draws their factors.

    A sample passes a layer with the probability ``1 - p``, and is then divided by it. On a CPU, the
    random numbers are those that the layers would draw one after the other.
    """

    keep: Tensor  # (L, 1), the probability of each layer

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        rates = []
        self._layers: list[DropPath] = []  # not registered here: they are modules of the encoder
        for parent in list(encoder.modules()):
            for name, child in parent.named_children():
                if type(child).__name__ in _REPLACED:
                    rates.append(child.drop_prob)
                    self._layers.append(DropPath())
                    setattr(parent, name, self._layers[-1])
        keep = 1 - torch.tensor(rates, dtype=torch.float64, device='cpu')
        self.register_buffer('keep', keep[:, None].float(), persistent=False)

    def draw(self, images: Tensor) -> None:
        """Draw the factors of one pass, in the type of the images."""
        if self.training and self._layers:
            random = torch.rand(len(self._layers), len(images), device=images.device)
            factors = (random + self.keep).floor() / self.keep
            rows = factors.to(images.dtype).unbind()
            for layer, row in zip(self._layers, rows, strict=True):
                layer.factors = row
