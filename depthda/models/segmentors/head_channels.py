"""Whether a head takes the channels that the neck before it gives."""

from collections.abc import Sequence

from torch import nn

from depthda.errors import UserError


def check_channels(key: str, head: nn.Module, neck: nn.Module, channels: Sequence[int]) -> None:
    """Refuse a head whose ``in_channels`` are not those of the stages that it reads.

    Args:
        key: Of the head in ``model``.
        head: A head of mmseg, or one that wraps it as ``head``. Others are not checked.
        neck: Named in the message.
        channels: Output channels of the neck, one value a stage.
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
            f'model.{key}.in_index={index}, but {name} gives {len(channels)} stages, numbered from '
            '0: name some of these.'
        )
    given = [channels[stage] for stage in stages]
    # mmseg keeps the sum where a head concatenates the stages.
    whole = [sum(given)] if getattr(head, 'input_transform', None) == 'resize_concat' else given
    if whole != ([expected] if isinstance(expected, int) else list(expected)):
        right = given[0] if isinstance(index, int) else given
        raise UserError(
            f'model.{key} takes in_channels={expected}, but {name} gives {right} channels at '
            f'in_index={index}: set model.{key}.in_channels={right}.'
        )
