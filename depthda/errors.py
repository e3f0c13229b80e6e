"""The exception for users' mistakes, and helpers for its messages."""

import math
from collections.abc import Iterable, Sequence


class UserError(ValueError):
    """A mistake in a path, a key, a file or a value that the user can fix.

    The message is one sentence: what is wrong, where, what to do. The commands print it without a
    traceback and exit with status 2.
    """


def interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the interrupt that led to an error, or None.

    Some libraries catch an interrupt and raise another error.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


def check_count(option: str, count: int) -> None:
    """Refuse a number below 1."""
    if count < 1:
        raise UserError(f'{option} {count}: use 1 or more')


def check_range(option: str, span: Sequence[float] | None) -> None:
    """Refuse an empty or infinite range of values; None is allowed."""
    if span is not None and not (all(map(math.isfinite, span)) and span[0] < span[1]):
        raise UserError(
            f'{option} {span[0]:g} {span[1]:g} is not a range: use LOW HIGH with LOW < HIGH'
        )


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``'1 image'``, ``'1,200 images'``."""
    return f'{count:,} {noun if count == 1 else plural or f"{noun}s"}'


def few(names: Iterable[str], limit: int = 3) -> str:
    """Join the first names of a list, with an ellipsis if there are more."""
    names = list(names)
    return ', '.join(names[:limit]) + (', …' if len(names) > limit else '')


def first_names(names: Iterable[str], limit: int = 3) -> str:
    """Join the first names of a list, with the number of further names."""
    names = list(names)
    more = f' and {len(names) - limit:,} more' if len(names) > limit else ''
    return ', '.join(names[:limit]) + more
