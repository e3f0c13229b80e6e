"""What graphics cards can do, by their data sheets, and how long an operation takes at least."""

from dataclasses import dataclass

import torch

from depthda.errors import UserError

# The share of the data sheet's figures that good kernels reach.
_MATRIX, _CONVOLUTION, _PLAIN, _MEMORY = 0.72, 0.6, 0.8, 0.8
# Depthwise convolutions do not use the matrix units, and reach a fifth of the plain FLOP/s.
_DEPTHWISE = 0.2
_SHORTEST = 4e-6  # seconds of a kernel that does next to nothing


@dataclass(frozen=True)
class GraphicsCard:
    """Dense FLOP/s of the matrix units and of the plain units, bytes/s, and GB of memory."""

    title: str
    half: float  # fp16 with fp32 sums, and bf16 if the card has it
    tf32: float
    fp32: float
    bandwidth: float
    memory: int
    has_bf16: bool = True

    def seconds(self, kind: str, dtype: torch.dtype, flops: float, moved: float) -> float:
        """Return the time of an operation that is limited by its FLOPs or by its bytes.

        ``kind`` is ``'matrix'``, ``'convolution'``, ``'depthwise'`` or ``'plain'``. Products of
        fp32 matrices run on the plain units, as is PyTorch's default, and fp32 convolutions in
        TF32.
        """
        is_half = dtype in (torch.float16, torch.bfloat16)
        rate = {
            'matrix': self.half * _MATRIX if is_half else self.fp32 * _PLAIN,
            'convolution': (self.half if is_half else self.tf32) * _CONVOLUTION,
            'depthwise': self.fp32 * _DEPTHWISE,
            'plain': self.fp32 * _PLAIN,
        }[kind]
        return max(flops / rate, moved / (self.bandwidth * _MEMORY), _SHORTEST)


CARDS = {
    'a100': GraphicsCard('A100 80 GB', 312e12, 156e12, 19.5e12, 2.04e12, 80),
    'h100': GraphicsCard('H100 SXM', 989e12, 495e12, 67e12, 3.35e12, 80),
    'h200': GraphicsCard('H200', 989e12, 495e12, 67e12, 4.8e12, 141),
    '4090': GraphicsCard('RTX 4090', 165e12, 82.6e12, 82.6e12, 1.01e12, 24),
    'v100': GraphicsCard('V100 16 GB', 125e12, 15.7e12, 15.7e12, 0.9e12, 16, has_bf16=False),
}


def chosen_cards(names: list[str]) -> list[GraphicsCard]:
    """Return the cards with these names; ``['all']`` returns all of them."""
    if 'all' in names:
        return list(CARDS.values())
    if unknown := [name for name in names if name not in CARDS]:
        raise UserError(f'--card {unknown[0]} is unknown: choose from {", ".join(CARDS)}, all.')
    return [CARDS[name] for name in names]
