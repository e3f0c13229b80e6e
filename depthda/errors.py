"""The one exception for a user's mistake, and helpers for the wording of its messages."""

from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in a path, a key, a file or a value that the user can fix.

    The message is one sentence: what is wrong, where, what to do. The commands print it without a
    traceback and exit with status 2.
    """


def interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """Find the interrupt behind an error: some libraries catch it and raise another error."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun: ``'1 image'``, ``'1,200 images'``."""
    return f'{count:,} {noun if count == 1 else plural or f"{noun}s"}'


def few(names: Iterable[str], limit: int = 3) -> str:
    """Join the first names of a list; an ellipsis shows that there are more."""
    names = list(names)
    return ', '.join(names[:limit]) + (', …' if len(names) > limit else '')


def first_names(names: Iterable[str], limit: int = 3) -> str:
    """Join the first names of a list, and tell how many more there are."""
    names = list(names)
    more = f' and {len(names) - limit:,} more' if len(names) > limit else ''
    return ', '.join(names[:limit]) + more
