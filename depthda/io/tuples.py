"""Keep tuples in JSON, which has lists only; some arguments in configs must be tuples."""

from collections.abc import Mapping
from typing import Any

_TUPLE = '(tuple)'


def stored(value: Any) -> Any:
    """Return a value with its tuples marked for JSON; :func:`restored` turns them back."""
    if isinstance(value, tuple):
        return {_TUPLE: [stored(item) for item in value]}
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, Mapping):
        return {key: stored(item) for key, item in value.items()}
    return value


def restored(value: Any) -> Any:
    """Return the value that :func:`stored` was given."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {_TUPLE}:
        return tuple(restored(value[_TUPLE]))
    return {key: restored(item) for key, item in value.items()}
