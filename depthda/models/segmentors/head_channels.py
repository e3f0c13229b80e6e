"""Check that the input channels of a head are the output channels of its neck."""

from collections.abc import Sequence

from torch import nn

from depthda.errors import UserError


def check_channels(key: str, head: nn.Module, neck: nn.Module, channels: Sequence[int]) -> None:
    """Refuse a head whose ``in_channels`` do not match the stages that it reads.

    ``key`` is the key of the head in ``model``; ``channels`` are the output channels of the neck,
    one value per stage. A head of mmseg may be wrapped as ``head``. Heads without ``in_index`` and
    ``in_channels`` are not checked.
    """
    if hasattr(head, 'head'):
        key, head = f'{key}.head', head.head
    index = getattr(head, 'in_index', None)
    expected = getattr(head, 'in_channels', None)
    if index is None or expected is None:
        return
    name = type(getattr(neck, 'fusion', neck)).__name__
    stages = [index] if isinstance(index, int) else list(index)
    if not all(-len(channels) <= stage < len(channels) for stage in stages):
        raise UserError(
            f'model.{key}.in_index={index}, but {name} returns {len(channels)} stages, numbered '
            'from 0: choose among these.'
        )
    found = [channels[stage] for stage in stages]
    # If a head concatenates the stages, mmseg replaces its in_channels by their sum.
    merged = [sum(found)] if getattr(head, 'input_transform', None) == 'resize_concat' else found
    if merged != ([expected] if isinstance(expected, int) else list(expected)):
        actual = found[0] if isinstance(index, int) else found
        raise UserError(
            f'model.{key} has in_channels={expected}, but {name} returns {actual} channels at '
            f'in_index={index}: set model.{key}.in_channels={actual}.'
        )
