"""A weight that rises at the beginning of a training."""


def ramped(iteration: int, length: int, begin: int = 0) -> float:
    r"""Return a weight that rises from 0 to 1 in ``length`` iterations; without a length, 1.

    .. math:: r(i) = \min(\max(i - i_0, 0) / n, 1)

    The rise starts at the iteration ``begin``, i_0.
    """
    return min(max(iteration - begin, 0) / length, 1.0) if length else 1.0
