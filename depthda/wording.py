"""Words of messages that depend on numbers."""

from collections.abc import Iterable


def many(count: int, noun: str, plural: str | None = None) -> str:
    """``'1 image'``, ``'1,200 images'``."""
    return f'{count:,} {noun if count == 1 else plural or f"{noun}s"}'


def few(names: Iterable[str], limit: int = 3) -> str:
    """The first names of a list, and whether there are more."""
    names = list(names)
    return ', '.join(names[:limit]) + (', …' if len(names) > limit else '')
