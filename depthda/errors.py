"""The one exception for a user's mistake."""


class UserError(ValueError):
    """A mistake in a path, a key, a file or a value that the user can mend.

    The message is one sentence: what is wrong, where, what to do. The tools print it without a
    traceback and exit with status 2.
    """
