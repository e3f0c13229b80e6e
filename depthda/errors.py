"""The one exception for a user's mistake, and numbers in the sentences that users read."""


class UserError(ValueError):
    """A mistake in a path, a key, a file or a value that the user can mend.

    The message is one sentence: what is wrong, where, what to do. The tools print it without a
    traceback and exit with status 2.
    """


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 run``, ``2 runs``, ``1,024 classes``."""
    ending = 'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'
    return f'{number:,} {noun}' + ('' if number == 1 else ending)
