"""Whether a training still learns anything."""

import math
from collections.abc import Mapping

from torch import Tensor

from depthda.errors import UserError


def check_finite(losses: Mapping[str, float | Tensor], iteration: int) -> None:
    """Stop a training that has collapsed: no later iteration brings NaN weights back.

    It reads each value, which waits for the device: call it where they are logged, not in every
    iteration.
    """
    broken = [f'{name}={float(value)}' for name, value in losses.items() if not _finite(value)]
    if broken:
        raise UserError(
            f'the training collapsed by iteration {iteration}: {", ".join(broken)}; go on from a '
            'checkpoint before it with a lower learning rate, or in fp32 if this was --amp.'
        )


def _finite(value: float | Tensor) -> bool:
    return math.isfinite(float(value))
