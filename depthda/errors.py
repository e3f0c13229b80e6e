"""The one exception for a user's mistake, and interrupts behind other exceptions."""


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
