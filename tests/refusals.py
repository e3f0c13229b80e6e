"""Get the message with which a call is refused."""

from collections.abc import Callable

import pytest

from depthda.errors import UserError


def refusal(function: Callable, *args, **kwargs) -> str:
    """Return the message of the ``UserError`` that a call raises."""
    with pytest.raises(UserError) as caught:
        function(*args, **kwargs)
    return str(caught.value)
