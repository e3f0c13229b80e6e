"""The one exception for a user's mistake, and the words of its messages."""

from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in a path, a key, a file or a value that the user can mend.

    The message is one sentence: what is wrong, where, what to do. The tools print it without a
    traceback and exit with status 2.
    """


def interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """Find the interrupt behind an error: some libraries catch it and raise one of their own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


def many(count: int, noun: str, plural: str | None = None) -> str:
    """``'1 image'``, ``'1,200 images'``."""
    return f'{count:,} {noun if count == 1 else plural or f"{noun}s"}'


def few(names: Iterable[str], limit: int = 3) -> str:
    """The first names of a list, and whether there are more."""
    names = list(names)
    return ', '.join(names[:limit]) + (', …' if len(names) > limit else '')
